//! ChatKit's endpoints: what the schema refuses, and what a session holds.

use reqwest::Method;
use sandbox::{API_KEY, Provider};
use serde_json::{Map, Value, json};

use crate::harness::{Town, answer};

fn minimal() -> Value {
    json!({"user": "vis_1", "workflow": {"id": "wf_sandbox_lead"}})
}

#[tokio::test]
async fn a_session_has_every_required_field_and_its_expiry() {
    let town = Town::new().await;
    let mut body = minimal();
    body["expires_after"] = json!({"anchor": "created_at", "seconds": 120});
    body["workflow"]["state_variables"] = json!({"tier": "pro", "age": 3, "member": true, "score": 0.5});
    body["workflow"]["version"] = json!("latest");
    let before = jiff_now();
    let (status, session) = answer(town.chatkit(Method::POST, "sessions").json(&body)).await;
    assert_eq!(status, 200);
    let expires_at = session["expires_at"].as_i64().unwrap();
    assert!((before + 120..=jiff_now() + 120).contains(&expires_at));
    assert!(session["id"].as_str().unwrap().starts_with("cksess_"));
    assert!(session["client_secret"].as_str().unwrap().starts_with("ek_"));
    let mut rest = session.as_object().unwrap().clone();
    for random in ["id", "client_secret", "expires_at"] {
        rest.remove(random);
    }
    assert_eq!(
        Value::Object(rest),
        json!({
            "object": "chatkit.session",
            "workflow": {
                "id": "wf_sandbox_lead", "version": "latest", "tracing": {"enabled": true},
                "state_variables": {"tier": "pro", "age": 3, "member": true, "score": 0.5},
            },
            "user": "vis_1",
            "rate_limits": {"max_requests_per_1_minute": 10},
            "max_requests_per_1_minute": 10,
            "status": "active",
            "chatkit_configuration": {
                "automatic_thread_titling": {"enabled": true},
                "file_upload": {"enabled": false, "max_file_size": 512, "max_files": 10},
                "history": {"enabled": true, "recent_threads": null},
            },
        })
    );
    let (_, other) = answer(town.chatkit(Method::POST, "sessions").json(&body)).await;
    assert_ne!(other["client_secret"], session["client_secret"]);
}

fn jiff_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Sets the value at a dotted path.
fn with(path: &str, value: Value) -> Value {
    let mut body = minimal();
    let mut node = &mut body;
    for step in path.split('.') {
        node = &mut node[step];
    }
    *node = value;
    body
}

#[tokio::test]
async fn what_the_schema_refuses_is_refused() {
    let town = Town::new().await;
    let many: Map<_, _> = (0..65).map(|n| (format!("k{n}"), json!(1))).collect();
    let unknown = |name: &str| format!("Unknown parameter: '{name}'.");
    let invalid = |name: &str| format!("Invalid '{name}'");
    let wrong = |name: &str| format!("Invalid type for '{name}'");
    let missing = |name: &str| format!("Missing required parameter: '{name}'.");
    let cases = [
        (with("traits", json!({})), unknown("traits")),
        (with("inputs", json!({})), unknown("inputs")),
        (with("workflow.inputs", json!(1)), unknown("workflow.inputs")),
        (with("workflow.tracing", json!({"on": true})), unknown("workflow.tracing.on")),
        (with("rate_limits", json!({"max": 1})), unknown("rate_limits.max")),
        (
            with("expires_after", json!({"anchor": "created_at", "seconds": 1, "x": 1})),
            unknown("expires_after.x"),
        ),
        (with("chatkit_configuration", json!({"x": {}})), unknown("chatkit_configuration.x")),
        (with("chatkit_configuration.history", json!({"x": 1})), unknown("chatkit_configuration.history.x")),
        (
            with("chatkit_configuration.file_upload", json!({"x": 1})),
            unknown("chatkit_configuration.file_upload.x"),
        ),
        (json!({"workflow": {"id": "wf_sandbox"}}), missing("user")),
        (json!({"user": "u"}), missing("workflow")),
        (json!({"user": "u", "workflow": {}}), missing("workflow.id")),
        (with("expires_after", json!({"seconds": 5})), missing("expires_after.anchor")),
        (with("expires_after", json!({"anchor": "created_at"})), missing("expires_after.seconds")),
        (with("user", json!("")), invalid("user")),
        (with("user", json!(7)), wrong("user")),
        (with("user", json!(null)), wrong("user")),
        (with("workflow", json!("wf_sandbox")), wrong("workflow")),
        (with("workflow.version", json!(3)), wrong("workflow.version")),
        (with("expires_after", json!(600)), wrong("expires_after")),
        (
            with("expires_after", json!({"anchor": "created_at", "seconds": 0})),
            invalid("expires_after.seconds"),
        ),
        (
            with("expires_after", json!({"anchor": "created_at", "seconds": 601})),
            invalid("expires_after.seconds"),
        ),
        (
            with("expires_after", json!({"anchor": "created_at", "seconds": 1.5})),
            wrong("expires_after.seconds"),
        ),
        (
            with("expires_after", json!({"anchor": "last_active_at", "seconds": 9})),
            invalid("expires_after.anchor"),
        ),
        (
            with("rate_limits.max_requests_per_1_minute", json!(0)),
            invalid("rate_limits.max_requests_per_1_minute"),
        ),
        (with("workflow.state_variables", json!(many)), invalid("workflow.state_variables")),
        (with("workflow.state_variables", json!({"k".repeat(65): 1})), invalid("workflow.state_variables")),
        (with("workflow.state_variables", json!({"a": {}})), wrong("workflow.state_variables.a")),
        (with("workflow.state_variables", json!({"a": null})), wrong("workflow.state_variables.a")),
        (with("workflow.state_variables", json!({"a": []})), wrong("workflow.state_variables.a")),
        (
            with("chatkit_configuration.file_upload", json!({"max_file_size": 513})),
            invalid("chatkit_configuration.file_upload.max_file_size"),
        ),
        (
            with("chatkit_configuration.file_upload", json!({"max_files": 0})),
            invalid("chatkit_configuration.file_upload.max_files"),
        ),
        (
            with("chatkit_configuration.history", json!({"recent_threads": 0})),
            invalid("chatkit_configuration.history.recent_threads"),
        ),
        (json!([]), "Invalid type".to_owned()),
    ];
    for (body, begins) in cases {
        let (status, refusal) = answer(town.chatkit(Method::POST, "sessions").json(&body)).await;
        let error = &refusal["error"];
        assert_eq!(status, 400, "{body}");
        assert!(error["message"].as_str().unwrap().starts_with(&begins), "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    let (status, _) = answer(town.chatkit(Method::POST, "sessions").json(&minimal())).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn headers_workflow_and_method_are_checked() {
    let town = Town::new().await;
    let path = "/openai/v1/chatkit/sessions";
    let beta = ("openai-beta", "chatkit_beta=v1");
    let no_key = town.ask(Method::POST, path).header(beta.0, beta.1).json(&minimal());
    let wrong_key =
        town.ask(Method::POST, path).header(beta.0, beta.1).bearer_auth("sk-other").json(&minimal());
    let no_beta = town.ask(Method::POST, path).bearer_auth(API_KEY).json(&minimal());
    let not_json = town.chatkit(Method::POST, "sessions").header("content-type", "text/plain").body("{}");
    let broken = town.chatkit(Method::POST, "sessions").header("content-type", "application/json").body("{");
    let not_known = town.chatkit(Method::POST, "sessions").json(&with("workflow.id", json!("wf_1")));
    for (request, status) in [
        (no_key, 401),
        (wrong_key, 401),
        (no_beta, 400),
        (not_json, 400),
        (broken, 400),
        (not_known, 404),
        (town.chatkit(Method::GET, "sessions"), 405),
        (town.chatkit(Method::GET, "nothing"), 404),
        (town.chatkit(Method::GET, "threads?limit=101"), 400),
        (town.chatkit(Method::GET, "threads?order=up"), 400),
        (town.chatkit(Method::GET, "threads?user="), 400),
        (town.chatkit(Method::GET, "threads?page=1"), 400),
        (town.chatkit(Method::GET, "threads/cthr_1"), 404),
        (town.chatkit(Method::DELETE, "threads/cthr_1"), 404),
        (town.chatkit(Method::GET, "threads/cthr_1/items"), 404),
        (town.chatkit(Method::GET, "threads/cthr_1/items?user=vis_1"), 400),
        (town.chatkit(Method::GET, "threads?after=cthr_1"), 404),
        (town.chatkit(Method::POST, "threads"), 405),
        (town.chatkit(Method::POST, "threads/cthr_1"), 405),
        (town.chatkit(Method::DELETE, "threads/cthr_1/items"), 405),
    ] {
        let (answered, body) = answer(request).await;
        assert_eq!(answered, status, "{body}");
        assert!(body["error"]["message"].is_string(), "{body}");
    }
    let (_, body) =
        answer(town.chatkit(Method::POST, "sessions").json(&with("workflow.id", json!("wf_1")))).await;
    assert_eq!(body["error"]["message"], "Workflow with id 'wf_1' not found.");
    town.sandbox.add_workflow("wf_1");
    let (status, _) =
        answer(town.chatkit(Method::POST, "sessions").json(&with("workflow.id", json!("wf_1")))).await;
    assert_eq!(status, 200);
    let (status, list) = answer(town.chatkit(Method::GET, "threads?limit=5&order=asc&user=vis_1")).await;
    assert_eq!((status.as_u16(), &list["data"], &list["has_more"]), (200, &json!([]), &json!(false)));
}

#[tokio::test]
async fn threads_are_listed_by_user_and_deleted_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let town = Town::at(&path).await;
    let ids: Vec<_> = (0..3).map(|_| town.sandbox.talk_hosted("vis_1").unwrap()).collect();
    let other = town.sandbox.talk_hosted("user_2").unwrap();
    let list = async |town: &Town, query: &str| {
        let (status, list) = answer(town.chatkit(Method::GET, &format!("threads?{query}"))).await;
        assert_eq!((status.as_u16(), &list["object"]), (200, &json!("list")), "{list}");
        let ids: Vec<_> =
            list["data"].as_array().unwrap().iter().map(|thread| thread["id"].clone()).collect();
        let ends = (ids.first().cloned().unwrap_or_default(), ids.last().cloned().unwrap_or_default());
        assert_eq!(ends, (list["first_id"].clone(), list["last_id"].clone()));
        (ids, list["has_more"] == true)
    };
    assert_eq!(
        list(&town, "user=vis_1&order=asc").await,
        (vec![json!(ids[0]), json!(ids[1]), json!(ids[2])], false)
    );
    assert_eq!(list(&town, "user=vis_1&limit=2").await, (vec![json!(ids[2]), json!(ids[1])], true));
    assert_eq!(
        list(&town, &format!("limit=2&user=vis_1&after={}", ids[1])).await,
        (vec![json!(ids[0])], false)
    );
    assert_eq!(list(&town, &format!("order=asc&before={}", ids[1])).await, (vec![json!(ids[0])], false));
    assert_eq!(list(&town, "").await.0.len(), 4);
    let (status, thread) = answer(town.chatkit(Method::GET, &format!("threads/{}", ids[0]))).await;
    let about = (&thread["object"], &thread["user"], &thread["status"]["type"]);
    assert_eq!(
        (status.as_u16(), about),
        (200, (&json!("chatkit.thread"), &json!("vis_1"), &json!("active")))
    );

    let gone = format!("threads/{}", ids[1]);
    let (status, deleted) = answer(town.chatkit(Method::DELETE, &gone)).await;
    let told = json!({"id": ids[1], "object": "chatkit.thread.deleted", "deleted": true});
    assert_eq!((status.as_u16(), deleted), (200, told));
    let again = Town::at(&path).await;
    assert_eq!(answer(again.chatkit(Method::DELETE, &gone)).await.0, 404);
    assert_eq!(list(&again, "user=vis_1").await.0.len(), 2);
    assert_eq!(list(&again, "user=user_2").await.0, [json!(other)]);
}

#[tokio::test]
async fn a_session_is_cancelled_even_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let town = Town::at(&path).await;
    town.sandbox.add_workflow("wf_mine");
    let body = with("workflow.id", json!("wf_mine"));
    let (_, session) = answer(town.chatkit(Method::POST, "sessions").json(&body)).await;
    let again = Town::at(&path).await;
    let cancel = |town: &Town, id: &str| town.chatkit(Method::POST, &format!("sessions/{id}/cancel"));
    let (status, cancelled) = answer(cancel(&again, session["id"].as_str().unwrap())).await;
    assert_eq!((status.as_u16(), &cancelled["status"]), (200, &json!("cancelled")));
    assert_eq!(cancelled["client_secret"], session["client_secret"]);
    assert_eq!(answer(cancel(&again, "cksess_none")).await.0, 404);
    assert_eq!(answer(again.chatkit(Method::POST, "sessions").json(&body)).await.0, 200);
}

#[tokio::test]
async fn the_log_tells_what_was_asked_and_no_secret() {
    let town = Town::new().await;
    answer(town.chatkit(Method::POST, "sessions").json(&minimal())).await;
    answer(town.ask(Method::GET, "/openai/v1/chatkit/threads")).await;
    let asked = town.sandbox.requests();
    assert_eq!(asked.len(), 2);
    let first = &asked[0];
    assert_eq!((first.provider, first.method.as_str(), first.status), (Provider::OpenAi, "POST", Some(200)));
    assert_eq!(first.path, "/openai/v1/chatkit/sessions");
    assert_eq!((first.bearer, first.openai_beta.as_deref()), (true, Some("chatkit_beta=v1")));
    assert_eq!(first.body, minimal());
    assert_eq!((asked[1].bearer, asked[1].status), (false, Some(401)));
    assert!(!format!("{asked:?}").contains(API_KEY));
}
