//! Moderation: one word is flagged, and the shape is OpenAI's.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Town, answer};

async fn moderate(town: &Town, body: &Value) -> (u16, Value) {
    let (status, body) = answer(town.openai(Method::POST, "moderations").json(body)).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn the_one_word_is_flagged_and_every_category_is_there() {
    let town = Town::new().await;
    let input = json!(["all is well", "please FlagMe now", "flagmenot"]);
    let (status, body) = moderate(&town, &json!({"input": input, "model": "omni-moderation-latest"})).await;
    assert_eq!((status, &body["model"]), (200, &json!("omni-moderation-latest")));
    assert!(body["id"].as_str().unwrap().starts_with("modr-"));
    let results = body["results"].as_array().unwrap();
    let flagged: Vec<_> = results.iter().map(|result| result["flagged"].as_bool().unwrap()).collect();
    assert_eq!(flagged, [false, true, false]);
    for result in results {
        assert_eq!(result["categories"].as_object().unwrap().len(), 13);
        for (name, hit) in result["categories"].as_object().unwrap() {
            assert_eq!(hit.as_bool().unwrap(), name == "harassment" && result["flagged"] == true, "{name}");
            assert_eq!(result["category_scores"][name].as_f64().unwrap() > 0.5, hit.as_bool().unwrap());
            assert_eq!(result["category_applied_input_types"][name], json!(["text"]));
        }
    }
    let parts = json!([
        {"type": "text", "text": "look: flagme"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]);
    let (_, body) = moderate(&town, &json!({"input": parts})).await;
    assert_eq!(body["results"].as_array().unwrap().len(), 1);
    assert_eq!(body["results"][0]["flagged"], true);
}

#[tokio::test]
async fn what_the_schema_refuses_is_refused() {
    let town = Town::new().await;
    for (body, message) in [
        (json!({}), "Missing required parameter: 'input'."),
        (json!({"input": "x", "user": "u"}), "Unknown parameter: 'user'."),
        (json!({"input": 1}), "Invalid type for 'input'"),
        (json!({"input": []}), "Invalid 'input': empty array"),
        (json!({"input": ["x", 2]}), "Invalid type for 'input[1]'"),
        (json!({"input": "x", "model": "gpt-5"}), "Invalid value: 'gpt-5'. Supported values are:"),
        (json!({"input": [{"type": "audio"}]}), "Invalid value: 'audio'."),
        (json!({"input": [{"type": "text"}]}), "Missing required parameter: 'input[0].text'."),
        (json!({"input": [{"type": "image_url", "image_url": {}}]}), "Missing required parameter"),
    ] {
        let (status, refusal) = moderate(&town, &body).await;
        assert_eq!(status, 400, "{body}");
        assert!(refusal["error"]["message"].as_str().unwrap().starts_with(message), "{body}: {refusal}");
    }
    let (status, _) = answer(town.openai(Method::GET, "moderations")).await;
    assert_eq!(status, 405);
    let no_key = town.ask(Method::POST, "/openai/v1/moderations").json(&json!({"input": "x"}));
    assert_eq!(answer(no_key).await.0, 401);
}
