//! Ready settings for common clients.
//!
//! The invariant: whatever characters a token has, each snippet is read as what it says: JSON is written by a serializer,
//! and a shell's words are quoted whole.

use serde_json::{Value, json};

/// What a client needs to know.
pub(super) struct Target {
    /// What the server is called in the client.
    pub(super) label: String,
    /// Where the tools are.
    pub(super) url: String,
    /// The workflow's token.
    pub(super) bearer: String,
    /// For whom the tools are called.
    pub(super) session: Option<String>,
}

/// What is asked of an agent, for a try.
const QUESTION: &str = "Which tools do you have, and what would you use them for?";
/// How a reader of `claude_desktop_config.json` sees headers: without a blank behind the colon, which some lose.
const VARIABLES: [&str; 2] = ["FRONTDESK_BEARER", "FRONTDESK_SESSION"];

/// A client's settings.
pub(super) struct Snippet {
    /// What programs know the client by.
    pub(super) client: &'static str,
    /// What people call it, and where the settings go.
    pub(super) title: &'static str,
    /// The settings.
    pub(super) text: String,
}

/// Every client with its settings, in the order in which they are shown.
pub(super) fn snippets(target: &Target) -> Vec<Snippet> {
    let desktop = "Claude Desktop: claude_desktop_config.json";
    let all = [
        ("claude_code", "Claude Code", claude_code(target)),
        ("claude_desktop", desktop, pretty(&claude_desktop(target))),
        ("cursor", "Cursor: .cursor/mcp.json", pretty(&cursor(target))),
        ("vs_code", "VS Code: .vscode/mcp.json", pretty(&vs_code(target))),
        ("openai_responses", "OpenAI Responses API", responses_api(target)),
        ("openai_agents", "OpenAI Agents SDK", agents_sdk(target)),
        ("n8n", "n8n: MCP Client Tool", n8n(target)),
    ];
    all.map(|(client, title, text)| Snippet { client, title, text }).into()
}

// === impl Target ===

impl Target {
    fn headers(&self) -> Vec<(&'static str, String)> {
        let bearer = ("Authorization", format!("Bearer {}", self.bearer));
        let session = self.session.clone().map(|token| ("X-Frontdesk-Session", token));
        std::iter::once(bearer).chain(session).collect()
    }

    fn headers_json(&self) -> Value {
        self.headers().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }
}

fn claude_code(target: &Target) -> String {
    let headers = target.headers().into_iter();
    let headers =
        headers.map(|(name, value)| format!(" \\\n  --header {}", quoted(&format!("{name}: {value}"))));
    let (label, url) = (quoted(&target.label), quoted(&target.url));
    format!("claude mcp add --transport http {label} {url}{}", headers.collect::<String>())
}

/// It speaks to programs alone, so `mcp-remote` stands between.
fn claude_desktop(target: &Target) -> Value {
    let mut args = vec!["-y".to_owned(), "mcp-remote".to_owned(), target.url.clone()];
    if target.url.starts_with("http://") {
        args.push("--allow-http".to_owned());
    }
    let mut env = json!({});
    for ((name, value), variable) in target.headers().into_iter().zip(VARIABLES) {
        args.extend(["--header".to_owned(), format!("{name}:${{{variable}}}")]);
        env[variable] = value.into();
    }
    json!({"mcpServers": {&target.label: {"command": "npx", "args": args, "env": env}}})
}

fn cursor(target: &Target) -> Value {
    json!({"mcpServers": {&target.label: {"url": target.url, "headers": target.headers_json()}}})
}

fn vs_code(target: &Target) -> Value {
    json!({"servers": {&target.label: {"type": "http", "url": target.url, "headers": target.headers_json()}}})
}

fn responses_api(target: &Target) -> String {
    let mut tool = json!({
        "type": "mcp",
        "server_label": target.label,
        "server_url": target.url,
        "authorization": target.bearer,
        "require_approval": "never",
    });
    if let Some(session) = &target.session {
        tool["headers"] = json!({"X-Frontdesk-Session": session});
    }
    let body = pretty(&json!({"model": "gpt-5-mini", "input": QUESTION, "tools": [tool]}));
    let curl = "curl https://api.openai.com/v1/responses -H \"Authorization: Bearer $OPENAI_API_KEY\" \\\n  \
        -H 'Content-Type: application/json' -d ";
    let note = if target.url.starts_with("https://") {
        ""
    } else {
        "# OpenAI reaches public https addresses only\n"
    };
    format!("{note}{curl}{}", quoted(&body))
}

/// A JSON text is one of Python's too.
fn agents_sdk(target: &Target) -> String {
    let (label, url, headers) = (json!(target.label), json!(target.url), target.headers_json());
    format!(
        "import asyncio\n\
         from agents import Agent, Runner\n\
         from agents.mcp import MCPServerStreamableHttp\n\n\
         async def main():\n    \
             params = {{\"url\": {url}, \"headers\": {headers}}}\n    \
             async with MCPServerStreamableHttp(name={label}, params=params) as tools:\n        \
                 agent = Agent(name=\"Assistant\", mcp_servers=[tools])\n        \
                 print((await Runner.run(agent, \"{QUESTION}\")).final_output)\n\n\
         asyncio.run(main())"
    )
}

fn n8n(target: &Target) -> String {
    let headers = target.headers().into_iter();
    let headers = headers.map(|(name, value)| format!("\n  {name:<20} {value}"));
    format!(
        "Endpoint               {}\n\
         Server Transport       HTTP Streamable\n\
         Authentication         Multiple Headers Auth, with a credential of:{}",
        target.url,
        headers.collect::<String>()
    )
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// A word of a shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character that could end a text somewhere.
    const NASTY: &str = r#"to'ken"$HOME`id`\n{}!"#;

    fn target(session: Option<&str>) -> Target {
        Target {
            label: "frontdesk-lead-concierge".into(),
            url: "http://127.0.0.1:8080/mcp/lead-concierge".into(),
            bearer: NASTY.into(),
            session: session.map(str::to_owned),
        }
    }

    fn of(target: &Target, client: &str) -> String {
        snippets(target).into_iter().find(|snippet| snippet.client == client).unwrap().text
    }

    /// What a shell makes of a line: its words.
    fn words(line: &str) -> Vec<String> {
        let script = format!("set -- {line}; for word; do printf '%s\\0' \"$word\"; done");
        let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let words = String::from_utf8(ran.stdout).unwrap();
        words.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn json_is_json_whatever_the_token() {
        let target = target(Some("fd1.t.k1.a.b"));
        let authorization = format!("Bearer {NASTY}");
        for (client, pointer) in [
            ("cursor", "/mcpServers/frontdesk-lead-concierge/headers/Authorization"),
            ("vs_code", "/servers/frontdesk-lead-concierge/headers/Authorization"),
            ("claude_desktop", "/mcpServers/frontdesk-lead-concierge/env/FRONTDESK_BEARER"),
        ] {
            let json: Value = serde_json::from_str(&of(&target, client)).unwrap();
            assert_eq!(json.pointer(pointer).unwrap(), &authorization, "{client}");
        }
        let desktop: Value = serde_json::from_str(&of(&target, "claude_desktop")).unwrap();
        let args = &desktop["mcpServers"]["frontdesk-lead-concierge"]["args"];
        let expected = json!([
            "-y",
            "mcp-remote",
            "http://127.0.0.1:8080/mcp/lead-concierge",
            "--allow-http",
            "--header",
            "Authorization:${FRONTDESK_BEARER}",
            "--header",
            "X-Frontdesk-Session:${FRONTDESK_SESSION}",
        ]);
        assert_eq!(args, &expected);
    }

    #[test]
    fn a_shell_reads_what_was_meant() {
        let line = words(&of(&target(Some("s")), "claude_code"));
        let header = format!("Authorization: Bearer {NASTY}");
        let expected = [
            "claude",
            "mcp",
            "add",
            "--transport",
            "http",
            "frontdesk-lead-concierge",
            "http://127.0.0.1:8080/mcp/lead-concierge",
            "--header",
            &header,
            "--header",
            "X-Frontdesk-Session: s",
        ];
        assert_eq!(line, expected);
        let curl = of(&target(None), "openai_responses");
        let curl = words(curl.split_once('\n').unwrap().1);
        let body: Value = serde_json::from_str(curl.last().unwrap()).unwrap();
        assert_eq!(body["tools"][0]["authorization"], NASTY);
        assert!(body["tools"][0]["headers"].is_null());
    }

    #[test]
    fn without_a_session_there_is_no_header_of_one() {
        for Snippet { client, text, .. } in snippets(&target(None)) {
            assert!(!text.contains("Session") && !text.contains("SESSION"), "{client}: {text}");
        }
    }
}
