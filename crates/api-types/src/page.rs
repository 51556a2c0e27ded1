//! Cursor pages.

use serde::{Deserialize, Serialize};

/// Entries of a page when nothing was asked for.
pub const PAGE_LIMIT_DEFAULT: u32 = 50;
/// Most entries of a page: a body stays below a megabyte.
pub const PAGE_LIMIT_MAX: u32 = 500;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; none on the last one.
    pub next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries, 1 to 500; 50 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// By hand, as each kind of page needs a name of its own and its entries beside it in the document.
#[cfg(feature = "openapi")]
mod openapi {
    use super::Page;
    use std::borrow::Cow;
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{
            Ref, RefOr,
            schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type},
        },
    };

    impl<T: ToSchema> PartialSchema for Page<T> {
        fn schema() -> RefOr<Schema> {
            let cursor = ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .description(Some("Give it as `cursor` to get the next page; none on the last one."));
            ObjectBuilder::new()
                .description(Some("One page of a list."))
                .property("items", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
                .required("items")
                .property("next_cursor", cursor)
                .into()
        }
    }
    impl<T: ToSchema> ToSchema for Page<T> {
        fn name() -> Cow<'static, str> {
            Cow::Owned(format!("Page_{}", T::name()))
        }
        fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
    }
}
