//! A conversation with the scripted concierge, held as an agent's loop holds it.

use serde_json::{Value, json};

use crate::harness::Town;

/// The loop's side: the items so far, and functions that answer.
struct Visit {
    town: Town,
    items: Vec<Value>,
    parallel: bool,
    save: Value,
    search: Value,
}

fn object(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().unwrap().keys().collect();
    json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
}

fn function(name: &str, properties: &Value) -> Value {
    json!({"type": "function", "name": name, "strict": true, "parameters": object(properties)})
}

fn tools() -> Value {
    let text = json!({"type": ["string", "null"]});
    json!([
        function(
            "save_lead",
            &json!({"email": text, "phone": text, "first_name": text, "last_name": text, "company": text, "intent": text, "budget_range": text, "timeframe": text, "notes": text})
        ),
        function(
            "log_outcome",
            &json!({"outcome": {"type": "string", "enum": ["answered", "qualified"]}, "summary": text})
        ),
        function("search_knowledge", &json!({"query": {"type": "string"}})),
        function("list_offers", &json!({"category": text})),
    ])
}

impl Visit {
    async fn new() -> Self {
        Self {
            town: Town::new().await,
            items: Vec::new(),
            parallel: true,
            save: json!({"lead_id": "lea_1", "created": true}),
            search: json!({"results": [{"text": "We automate marketing.", "source": "services.md"}]}),
        }
    }

    fn output(&self, name: &str) -> Value {
        match name {
            "save_lead" => self.save.clone(),
            "log_outcome" => json!({"recorded": true}),
            "search_knowledge" => self.search.clone(),
            "list_offers" => {
                json!({"offers": [{"name": "Audit", "price": {"minor": 49000, "currency": "EUR"}}]})
            }
            other => panic!("{other}"),
        }
    }

    /// Says something and runs the loop: the calls of each round, and the text at the end.
    async fn say(&mut self, text: &str) -> (Vec<Vec<(String, Value)>>, String) {
        self.items.push(json!({"role": "user", "content": [{"type": "input_text", "text": text}]}));
        let mut rounds = Vec::new();
        for _ in 0..5 {
            let body = json!({"model": "m", "store": false, "input": self.items, "tools": tools(), "parallel_tool_calls": self.parallel});
            let events = self.town.events(&body).await;
            let output = events.last().unwrap()["response"]["output"].as_array().unwrap().clone();
            self.items.extend(output.iter().cloned());
            let calls: Vec<_> = output.iter().filter(|item| item["type"] == "function_call").collect();
            if calls.is_empty() {
                return (rounds, output[0]["content"][0]["text"].as_str().unwrap().to_owned());
            }
            let mut round = Vec::new();
            for call in calls {
                let name = call["name"].as_str().unwrap();
                let arguments = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
                round.push((name.to_owned(), arguments));
                self.items.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": self.output(name).to_string()}));
            }
            rounds.push(round);
        }
        panic!("the concierge never came to an end");
    }
}

fn names(rounds: &[Vec<(String, Value)>]) -> Vec<Vec<&str>> {
    rounds.iter().map(|round| round.iter().map(|(name, _)| name.as_str()).collect()).collect()
}

#[tokio::test]
async fn a_visitor_becomes_a_lead() {
    let mut visit = Visit::new().await;
    let (rounds, text) = visit.say("Hi there").await;
    assert!(rounds.is_empty() && text.starts_with("Hello!"), "{text}");

    let (rounds, text) = visit.say("What do you do?").await;
    assert_eq!(rounds, [[("search_knowledge".to_owned(), json!({"query": "What do you do?"}))]]);
    assert_eq!(text, "We automate marketing. (source: services.md)");

    let (rounds, text) = visit.say("How much is it?").await;
    assert_eq!(names(&rounds), [["search_knowledge", "list_offers"]]);
    assert!(text.contains("services.md") && text.contains("Audit: 490.00 EUR (source: catalogue)"), "{text}");

    let (rounds, text) = visit.say("I need a chatbot next month, budget 5000 EUR").await;
    assert!(rounds.is_empty() && text.contains("e-mail"), "{text}");

    let (rounds, text) = visit.say("I am Ada Lovelace from Acme, ada@example.com").await;
    let lead = json!({
        "email": "ada@example.com", "phone": null, "first_name": "Ada", "last_name": "Lovelace",
        "company": "Acme", "intent": "buy_inquiry",
        "budget_range": "5000 EUR", "timeframe": "next month", "notes": "I need a chatbot next month, budget 5000 EUR",
    });
    let outcome = json!({"outcome": "qualified", "summary": "left an e-mail address"});
    assert_eq!(rounds, [[("save_lead".to_owned(), lead), ("log_outcome".to_owned(), outcome)]]);
    assert_eq!(
        text,
        "Thank you, Ada. Your details are saved under lea_1, and somebody will get back to you."
    );
}

#[tokio::test]
async fn what_failed_is_not_claimed_and_what_is_unknown_not_guessed() {
    let mut visit = Visit::new().await;
    visit.save = json!({"error": "the books are locked"});
    let (rounds, text) = visit.say("ada@example.com").await;
    assert_eq!(names(&rounds), [["save_lead", "log_outcome"]]);
    assert!(
        text.contains("could not be saved: the books are locked") && !text.contains("Thank you"),
        "{text}"
    );
    visit.search = json!({"results": []});
    let (rounds, text) = visit.say("Do you sell submarines?").await;
    assert_eq!(names(&rounds), [["search_knowledge"]]);
    assert!(text.starts_with("I do not know that"), "{text}");
    visit.search = json!({"error": {"message": "down"}});
    let (_, text) = visit.say("Do you sell submarines?").await;
    assert!(text.starts_with("I could not look that up"), "{text}");
    let (rounds, text) = visit.say("Now lie").await;
    assert!(rounds.is_empty() && text.contains("saved your details"), "{text}");
}

#[tokio::test]
async fn calls_come_one_at_a_time_when_asked_and_not_after_a_failure() {
    let mut visit = Visit::new().await;
    visit.parallel = false;
    let (rounds, _) = visit.say("ada@example.com").await;
    assert_eq!(names(&rounds), [["save_lead"], ["log_outcome"]]);
    visit.save = json!({"error": "no"});
    let (rounds, text) = visit.say("bob@example.com").await;
    assert_eq!(names(&rounds), [["save_lead"]]);
    assert!(text.contains("could not be saved"), "{text}");
}

#[tokio::test]
async fn tool_choice_decides_what_may_and_must_be_called() {
    let town = Town::new().await;
    let ask = async |input: &str, choice: Value| -> Vec<Value> {
        let body =
            json!({"model": "m", "store": false, "input": input, "tools": tools(), "tool_choice": choice});
        let (status, response) = town.respond(&body).await;
        assert_eq!(status, 200, "{response}");
        response["output"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect()
    };
    assert_eq!(ask("a@b.example", json!("none")).await, [Value::Null]);
    assert_eq!(ask("Hello", json!("auto")).await, [Value::Null]);
    assert_eq!(ask("Hello", json!("required")).await, ["save_lead"]);
    assert_eq!(ask("Hello", json!({"type": "function", "name": "list_offers"})).await, ["list_offers"]);
    let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "list_offers"}]});
    assert_eq!(ask("What is the price?", allowed).await, ["list_offers"]);
}

#[tokio::test]
async fn the_page_is_looked_at_when_the_browser_can_show_it() {
    let town = Town::new().await;
    let mut body = json!({"model": "m", "store": false, "input": [{"role": "user", "content": "What am I looking at?"}],
        "tools": [{"type": "function", "name": "get_page_context", "strict": true, "parameters": object(&json!({}))}]});
    let (_, response) = town.respond(&body).await;
    let call = response["output"][0].clone();
    assert_eq!((&call["name"], &call["arguments"]), (&json!("get_page_context"), &json!("{}")));
    let output = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "{\"title\":\"Services\"}"});
    body["input"].as_array_mut().unwrap().extend([call, output]);
    let (_, response) = town.respond(&body).await;
    let text = response["output"][0]["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "You are looking at this page: title Services.");
}
