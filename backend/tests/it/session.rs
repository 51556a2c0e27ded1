//! Signing in, staying signed in, signing out, personal tokens.

use crate::{
    helpers::{ADMIN_EMAIL, ADMIN_PASSWORD, Browser, full, set_up},
    world::World,
};
use berth_api_types::path;
use serde_json::json;

#[tokio::test]
async fn an_unknown_person_and_a_wrong_password_get_the_same_answer() {
    let world = World::new().await;
    set_up(&world).await;
    let browser = Browser::at(world.address);
    let mut answers = Vec::new();
    for (email, password) in
        [(ADMIN_EMAIL, "not her password"), ("nobody@example.com", ADMIN_PASSWORD), ("a\0b", "x"), ("", "")]
    {
        let mut answer = browser.sign_in(email, password).await;
        assert_eq!(answer.headers.get("set-cookie"), None);
        answer.body.as_object_mut().expect("a problem").remove("request_id");
        answers.push((answer.status, answer.body));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0].1["code"], "bad_credentials");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM audit WHERE result = 'failed'").await, 3);
    assert_eq!(
        world
            .value::<String>("SELECT string_agg(actor, ',' ORDER BY sequence) FROM audit WHERE result = 'failed'")
            .await,
        format!("{ADMIN_EMAIL},,")
    );
}

#[tokio::test]
async fn e_mail_addresses_are_found_in_any_case() {
    let world = World::new().await;
    set_up(&world).await;
    assert_eq!(Browser::at(world.address).sign_in(" ANN@Example.com ", ADMIN_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn cookies_are_for_our_pages_alone() {
    let world = World::new().await;
    set_up(&world).await;
    let signed_in = Browser::at(world.address).sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let access = signed_in.cookie("berth-access").expect("it is set");
    let refresh = signed_in.cookie("berth-refresh").expect("it is set");
    for cookie in [&access, &refresh] {
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    }
    assert!(access.contains("; Path=/;") || access.ends_with("; Path=/"), "{access}");
    assert!(refresh.contains(&format!("Path={}", path::session_refresh())), "{refresh}");
    assert!(!signed_in.body.to_string().contains("berth_refresh_"), "no token in a body");
}

#[tokio::test]
async fn a_session_goes_on_by_refreshing_and_ends_by_signing_out() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    world.wait(601);
    let expired = browser.get(&path::me()).await;
    assert_eq!((expired.status, expired.code()), (401, "token_expired"));

    let refreshed = browser.act("POST", &path::session_refresh()).await;

    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert_eq!(browser.get(&path::me()).await.status, 200);
    assert_eq!(browser.act("DELETE", &path::session()).await.status, 204);
    let gone = browser.get(&path::me()).await;
    assert_eq!((gone.status, gone.code()), (401, "unauthenticated"));
    assert_eq!(browser.act("POST", &path::session_refresh()).await.status, 401);
}

#[tokio::test]
async fn a_signed_out_access_token_is_worthless_at_once() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    let signed_in = browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let cookie =
        format!("berth-access={}", signed_in.cookie("berth-access").expect("set").split(';').next().expect("a value"));
    let with_copy = || async {
        let request = Browser::at(world.address).request("GET", &path::me()).header("cookie", &cookie);
        full(request).await.status
    };
    assert_eq!(with_copy().await, 200);
    browser.act("DELETE", &path::session()).await;
    assert_eq!(with_copy().await, 401);
}

#[tokio::test]
async fn a_replaced_refresh_token_ends_the_session_for_thief_and_owner() {
    let world = World::new().await;
    set_up(&world).await;
    let browser = Browser::at(world.address);
    let first = browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let stolen =
        format!("berth-refresh={}", first.cookie("berth-refresh").expect("set").split(';').next().expect("a value"));
    let thief = || async {
        let request = Browser::at(world.address).request("POST", &path::session_refresh()).header("cookie", &stolen);
        full(request).await
    };
    assert_eq!(browser.act("POST", &path::session_refresh()).await.status, 200);

    let second_tab = thief().await;
    assert_eq!(second_tab.status, 200, "within the grace two tabs may race");
    assert_eq!(second_tab.cookie("berth-refresh"), None, "and get no new refresh token");
    assert_eq!(browser.get(&path::me()).await.status, 200);

    world.wait(11);
    assert_eq!(thief().await.status, 401);
    assert_eq!(browser.get(&path::me()).await.status, 401, "its owner signs in again");
    assert_eq!(browser.act("POST", &path::session_refresh()).await.status, 401);
    let ended = "SELECT count(*) FROM audit WHERE action = 'session.refresh' AND result = 'failed'";
    assert_eq!(world.value::<i64>(ended).await, 1);
}

#[tokio::test]
async fn a_copy_of_a_long_replaced_refresh_token_ends_the_session_too() {
    let world = World::new().await;
    set_up(&world).await;
    let browser = Browser::at(world.address);
    let first = browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let copy = first.cookie("berth-refresh").expect("set").split(';').next().expect("a value").to_owned();
    for _ in 0..3 {
        assert_eq!(browser.act("POST", &path::session_refresh()).await.status, 200);
        world.wait(11);
    }
    let thief = Browser::at(world.address).request("POST", &path::session_refresh());
    assert_eq!(full(thief.header("cookie", format!("berth-refresh={copy}"))).await.status, 401);
    assert_eq!(browser.act("POST", &path::session_refresh()).await.status, 401, "its owner signs in again");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM spent_refresh_tokens").await, 3);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_signed_in() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    for _ in 0..5 {
        let refresh_url = path::session_refresh();
        let (one, two) = tokio::join!(browser.act("POST", &refresh_url), browser.act("POST", &refresh_url));
        assert_eq!((one.status, two.status), (200, 200), "{} {}", one.body, two.body);
        assert_eq!(browser.get(&path::me()).await.status, 200);
    }
}

#[tokio::test]
async fn what_changes_something_by_cookie_must_come_from_our_page() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let foreign = browser.sent_from(origin);
        for answer in [
            foreign.post(&path::tenants(), json!({ "name": "acme" })).await,
            foreign.act("POST", &path::session_refresh()).await,
            foreign.act("DELETE", &path::session()).await,
        ] {
            assert_eq!((answer.status, answer.code()), (403, "foreign_origin"), "{origin:?}");
        }
        assert_eq!(foreign.get(&path::me()).await.status, 200, "looking is free");
    }
    assert_eq!(browser.sent_from(Some("https://evil.example")).sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.status, 403);
    assert_eq!(Browser::at(world.address).sent_from(None).sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.status, 201);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM tenants").await, 0);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    let other = Browser::at(world.address);
    other.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        let browser = browser.clone();
        async move { browser.send("PUT", &path::my_password(), body).await }
    };
    let wrong = change("not this one", "another long passphrase").await;
    assert_eq!((wrong.status, wrong.fields()), (422, vec![("current_password", "mismatch")]));
    assert_eq!(change(ADMIN_PASSWORD, "password1234").await.fields(), [("new_password", "too_common")]);

    assert_eq!(change(ADMIN_PASSWORD, "another long passphrase").await.status, 204);

    assert_eq!(browser.get(&path::me()).await.status, 200);
    assert_eq!(other.get(&path::me()).await.status, 401);
    assert_eq!(other.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.status, 401);
    assert_eq!(other.sign_in(ADMIN_EMAIL, "another long passphrase").await.status, 201);
}

#[tokio::test]
async fn a_personal_token_works_until_it_is_revoked_and_makes_no_others() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    let made = browser.post(&path::my_tokens(), json!({ "name": "laptop", "days": 30 })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = made.body["secret"].as_str().expect("shown once").to_owned();
    assert!(secret.starts_with("berth_pat_"));
    let call = |method: &'static str, path: String| {
        let request = Browser::at(world.address).sent_from(None).request(method, &path).bearer_auth(&secret);
        async move { full(request.json(&json!({ "name": "x", "days": 1 }))).await }
    };
    assert_eq!(call("GET", path::me()).await.body["email"], ADMIN_EMAIL);
    assert_eq!(call("POST", path::my_tokens()).await.status, 403);
    let listed = browser.get(&path::my_tokens()).await;
    assert_eq!(listed.body["items"][0]["name"], "laptop");
    assert_eq!(listed.body["items"][0]["last_used_at"], "2026-01-02T03:04:00Z", "to the minute");
    assert!(!listed.body.to_string().contains(&secret));

    let id = made.body["id"].as_str().expect("an id").parse().expect("a token's id");
    assert_eq!(browser.act("DELETE", &path::my_token(id)).await.status, 204);

    assert_eq!(call("GET", path::me()).await.status, 401);
    assert_eq!(browser.act("DELETE", &path::my_token(id)).await.status, 404);
    for bad in ["", "berth_pat_", "berth_pat_x", "Basic x", &"x".repeat(5000)] {
        let request = Browser::at(world.address).request("GET", &path::me()).bearer_auth(bad);
        assert_eq!(full(request).await.status, 401, "{bad}");
    }
}

#[tokio::test]
async fn wrong_passwords_in_a_row_must_wait() {
    let world = World::new().await;
    set_up(&world).await;
    let browser = Browser::at(world.address);
    let mut last = browser.sign_in("mallory@example.com", "wrong").await;
    for _ in 0..12 {
        last = browser.sign_in("mallory@example.com", "wrong").await;
    }
    assert_eq!((last.status, last.code()), (429, "too_many_requests"));
    assert!(last.headers.contains_key("retry-after"));
    assert_eq!(browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.status, 201, "others are not held up");
}

#[tokio::test]
async fn people_change_their_name_and_language() {
    let world = World::new().await;
    let browser = set_up(&world).await;
    let changed = browser.send("PATCH", &path::me(), json!({ "display_name": "安", "locale": "zh-CN" })).await;
    assert_eq!(changed.status, 204);
    let me = browser.get(&path::me()).await.body;
    assert_eq!((&me["display_name"], &me["locale"]), (&json!("安"), &json!("zh-CN")));
    let refused = browser.send("PATCH", &path::me(), json!({ "display_name": "a\u{0}b", "locale": "tlh" })).await;
    assert_eq!(refused.fields(), [("display_name", "bad_character"), ("locale", "unknown")]);
}

#[tokio::test]
async fn people_see_where_they_are_signed_in_and_end_what_they_do_not_know() {
    let world = World::new().await;
    let here = set_up(&world).await;
    let there = Browser::at(world.address);
    let body = serde_json::json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD });
    let signing_in = there.request("POST", &path::session()).header("user-agent", "A phone").json(&body);
    assert_eq!(full(signing_in).await.status, 201);
    let listed = here.get(&path::my_sessions()).await.body;
    let sessions = listed["items"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 2, "{listed}");
    assert_eq!((&sessions[0]["user_agent"], &sessions[0]["current"]), (&"A phone".into(), &false.into()));
    assert_eq!((&sessions[0]["source"], &sessions[1]["current"]), (&"127.0.0.1".into(), &true.into()));
    let id = sessions[0]["id"].as_str().expect("an id").parse().expect("a session");

    // Not by somebody else, who cannot even see it.
    let acme = world.tenant("acme", crate::world::PLENTY).await;
    let eve = world.person(&acme, berth_domain::right::Role::Owner).await;
    assert_eq!(eve.delete(&path::my_session(id)).await.status, 404);
    assert_eq!(eve.get(&path::my_sessions()).await.body["items"], serde_json::json!([]));

    assert_eq!(here.act("DELETE", &path::my_session(id)).await.status, 204);
    assert_eq!(there.get(&path::me()).await.status, 401, "at once");
    assert_eq!(there.act("POST", &path::session_refresh()).await.status, 401, "and for good");
    assert_eq!(here.act("DELETE", &path::my_session(id)).await.status, 404);

    there.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert_eq!(here.act("DELETE", &path::my_sessions()).await.status, 204);
    assert_eq!((here.get(&path::me()).await.status, there.get(&path::me()).await.status), (200, 401));
    let acts =
        "SELECT string_agg(action || ' ' || coalesce(after->>'ended', before->>'user_agent'), ', ' ORDER BY sequence)
                FROM audit WHERE action LIKE 'session.end%'";
    assert_eq!(world.value::<String>(acts).await, "session.end A phone, session.end_others 1");
}
