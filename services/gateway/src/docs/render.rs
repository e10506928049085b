//! The OpenAPI document as a page.
//!
//! The invariant: every operation, schema and reason of the document is on the page, each with an anchor.

use domain::Reason;
use serde_json::{Map, Value};

use super::{
    STYLE,
    html::{code, document, escape, prose, table},
};
use crate::reason;

/// One operation of the document.
struct Operation<'a> {
    path: &'a str,
    method: String,
    value: &'a Value,
}

/// The page of an OpenAPI document.
pub(crate) fn page(api: &Value) -> String {
    let operations = operations(api);
    let links: String = operations.iter().map(link).collect();
    let sections: String = operations.iter().map(|operation| section(operation, api)).collect();
    let main = format!(
        "<h1>Frontdesk</h1><p>{about}</p><p>The same for programs: <a href=\"/openapi.json\">/openapi.json</a></p>\
         <nav><ul>{links}</ul></nav>{sections}{schemas}{reasons}",
        about = prose(text(&api["info"]["description"])),
        schemas = schemas(api),
        reasons = reasons(),
    );
    document("Frontdesk: the public door", STYLE, &main)
}

fn operations(api: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in members(&api["paths"]) {
        let of = |(method, value): (&String, _)| Operation { path, method: method.to_uppercase(), value };
        operations.extend(members(item).map(of));
    }
    operations
}

fn link(operation: &Operation<'_>) -> String {
    let id = escape(text(&operation.value["operationId"]));
    let summary = prose(text(&operation.value["summary"]));
    format!("<li><a href=\"#{id}\">{}</a> {summary}</li>", code(&operation.title()))
}

fn section(operation: &Operation<'_>, api: &Value) -> String {
    let value = operation.value;
    format!(
        "<section><h2 id=\"{id}\">{title}</h2><p>{summary}. {description}</p>{example}{parameters}{body}{answers}\
         </section>",
        id = escape(text(&value["operationId"])),
        title = code(&operation.title()),
        summary = prose(text(&value["summary"])),
        description = prose(text(&value["description"])),
        example = example(operation, api),
        parameters = parameters(value),
        body = body(value),
        answers = answers(value),
    )
}

/// The path with the examples of its parameters.
fn filled(operation: &Operation<'_>) -> String {
    let mut path = operation.path.to_owned();
    for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
        let (name, example) = (text(&parameter["name"]), text(&parameter["example"]));
        match text(&parameter["in"]) {
            "path" => path = path.replace(&format!("{{{name}}}"), example),
            "query" if !example.is_empty() => path += &format!("?{name}={example}"),
            _ => {}
        }
    }
    path
}

/// A call that works when it is pasted.
fn example(operation: &Operation<'_>, api: &Value) -> String {
    let base = match text(&api["servers"][0]["url"]).trim_end_matches('/') {
        "" => "http://localhost:8080",
        base => base,
    };
    let put = if operation.method == "PUT" { "-X PUT " } else { "" };
    let mut lines = format!("curl {put}'{base}{}'", filled(operation));
    if let Some((name, _)) = members(&operation.value["security"][0]).next() {
        lines += &format!(" \\\n  -H \"{}\"", credential(name, &api["components"]["securitySchemes"][name]));
    }
    let example = &operation.value["requestBody"]["content"]["application/json"]["example"];
    if !example.is_null() {
        lines += &format!(" \\\n  -H 'content-type: application/json' \\\n  -d '{example}'");
    }
    format!("<pre>{}</pre>", escape(&lines))
}

/// The header in which a credential is shown.
fn credential(name: &str, scheme: &Value) -> String {
    let value = format!("${}", name.to_uppercase());
    match scheme["name"].as_str() {
        Some(header) => format!("{header}: {value}"),
        None => format!("authorization: Bearer {value}"),
    }
}

fn parameters(operation: &Value) -> String {
    let row = |parameter: &Value| {
        vec![
            code(text(&parameter["name"])),
            escape(text(&parameter["in"])),
            prose(text(&parameter["description"])),
        ]
    };
    let rows: Vec<_> = operation["parameters"].as_array().into_iter().flatten().map(row).collect();
    table(&["parameter", "in", "what"], &rows)
}

fn body(operation: &Value) -> String {
    let content = members(&operation["requestBody"]["content"]);
    content
        .map(|(media, content)| format!("<p>Body: {} as {}</p>", kind(&content["schema"]), code(media)))
        .collect()
}

fn answers(operation: &Value) -> String {
    let row = |(status, response): (&String, &Value)| {
        let content = members(&response["content"]).next();
        let what = content.map(|(media, content)| format!("{} as {}", kind(&content["schema"]), code(media)));
        vec![code(status), prose(text(&response["description"])), what.unwrap_or_default()]
    };
    let rows: Vec<_> = members(&operation["responses"]).map(row).collect();
    table(&["status", "when", "body"], &rows)
}

fn schemas(api: &Value) -> String {
    let section = |(name, schema): (&String, &Value)| {
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().map(text).collect();
        let row = |(field, value): (&String, &Value)| {
            let need = if required.contains(&field.as_str()) { "always" } else { "" };
            vec![code(field), kind(value), need.to_owned(), prose(text(&value["description"]))]
        };
        let rows: Vec<_> = members(&schema["properties"]).map(row).collect();
        format!(
            "<section><h2 id=\"schema-{name}\">{name}</h2><p>{about} {values}</p>{table}{variants}</section>",
            name = escape(name),
            about = prose(text(&schema["description"])),
            values = values(schema),
            table = table(&["field", "type", "there", "what"], &rows),
            variants = variants(schema),
        )
    };
    members(&api["components"]["schemas"]).map(section).collect()
}

/// The sorts of a schema that are told apart by their `type`.
fn variants(schema: &Value) -> String {
    let row = |variant: &Value| {
        let kind_of = |(name, value): (&String, &Value)| format!("{}: {}", code(name), kind(value));
        let fields = members(&variant["properties"]).filter(|(name, _)| *name != "type").map(kind_of);
        let fields: Vec<_> = fields.collect();
        vec![code(text(tag(variant))), fields.join(", "), prose(text(&variant["description"]))]
    };
    let tagged = schema["oneOf"].as_array().into_iter().flatten().filter(|variant| tag(variant).is_string());
    let rows: Vec<_> = tagged.map(row).collect();
    table(&["type", "with", "what"], &rows)
}

fn tag(variant: &Value) -> &Value {
    &variant["properties"]["type"]["enum"][0]
}

/// What a schema without fields of its own may be.
fn values(schema: &Value) -> String {
    let names = schema["enum"].as_array().into_iter().flatten().map(|value| code(text(value)));
    let names: Vec<_> = names.collect();
    let is_tagged = tag(&schema["oneOf"][0]).is_string();
    if schema["oneOf"].is_array() && !is_tagged {
        format!("It is {}.", kind(schema))
    } else {
        names.join(", ")
    }
}

fn reasons() -> String {
    let row = |reason: &Reason| {
        let name = reason.as_str();
        vec![format!("<code id=\"{name}\">{name}</code>"), prose(reason::meaning(*reason))]
    };
    let rows: Vec<_> = Reason::ALL.iter().map(row).collect();
    format!(
        "<section><h2 id=\"reasons\">Reasons</h2><p>The member {} of a problem.</p>{}</section>",
        code("reason"),
        table(&["reason", "what it means"], &rows)
    )
}

/// A schema in a few words, with a link where it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let either = ["oneOf", "anyOf"].iter().find_map(|key| schema[*key].as_array());
    if let Some(schemas) = either {
        return schemas
            .iter()
            .filter(|schema| schema["type"] != "null")
            .map(kind)
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let names: Vec<_> = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).filter(|name| *name != "null").collect(),
        name => vec![text(name)],
    };
    let items = &schema["items"];
    let of = if items.is_null() { String::new() } else { format!(" of {}", kind(items)) };
    escape(&names.join(" or ")) + &of
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

// === impl Operation ===

impl Operation<'_> {
    fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
