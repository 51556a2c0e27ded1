//! Test databases keep apart and are gone afterwards.

use berth_testkit::database::TestDatabase;

#[tokio::test]
async fn two_databases_do_not_see_each_other() {
    let (one, two) = tokio::join!(TestDatabase::new(), TestDatabase::new());
    let pool = one.pool().await;
    sqlx::query("CREATE TABLE only_here (id int)").execute(&pool).await.expect("made");
    let seen: bool = sqlx::query_scalar("SELECT to_regclass('only_here') IS NOT NULL")
        .fetch_one(&two.pool().await)
        .await
        .expect("asked");
    assert!(!seen);
}

#[tokio::test]
async fn a_database_is_migrated_and_gone_after_its_test() {
    let stays = TestDatabase::new().await;
    let goes = TestDatabase::new().await;
    let name: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&goes.pool().await).await.expect("asked");
    drop(goes);
    let pool = stays.pool().await;
    let left: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&pool)
        .await
        .expect("asked");
    assert!(!left);
    sqlx::query("SELECT install_id FROM installation").fetch_all(&pool).await.expect("the first migration ran");
}
