//! Calls by the contract's own description: JSON in, JSON out.
//!
//! A command names an rpc and gives its request as JSON; names and types are those of the `.proto` files, which this
//! crate carries. So a command is a few lines, and what `--json` shows is the contract's shape. The invariant: enum
//! values are lower-case words without their prefix, in both directions.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, ReflectMessage as _, SerializeOptions,
};
use serde_json::Value;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).expect("descriptors are those of the compiler")
});

/// The rpc of this name, `frontdesk.sheets.v1.LedgerService/ListRows`, if the contract has it.
pub(super) fn method(path: &str) -> Option<MethodDescriptor> {
    let (service, name) = path.split_once('/')?;
    POOL.get_service_by_name(service)?.methods().find(|method| method.name() == name)
}

/// The message that `json` describes.
///
/// # Errors
/// What does not fit, in one line.
pub(super) fn encode(kind: MessageDescriptor, mut json: Value) -> Result<DynamicMessage, String> {
    translate(&mut json, &kind, &|of, word| format!("{}{}", prefix(of), word.to_uppercase()));
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(kind, json, &options).map_err(|why| why.to_string())
}

/// What `message` says; every field is there.
pub(super) fn decode(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    let mut json = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("a message of the contract is plain JSON");
    let word =
        |of: &EnumDescriptor, name: &str| name.strip_prefix(&prefix(of)).unwrap_or(name).to_lowercase();
    translate(&mut json, &message.descriptor(), &word);
    json
}

/// Rewrites every enum value in `json`, which describes a `kind`.
fn translate(json: &mut Value, kind: &MessageDescriptor, word: &dyn Fn(&EnumDescriptor, &str) -> String) {
    // Well-known types have a JSON of their own, without enums of ours.
    let Some(members) = json.as_object_mut().filter(|_| !kind.full_name().starts_with("google.")) else {
        return;
    };
    for (name, value) in members {
        let Some(field) = kind.get_field_by_name(name) else { continue };
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| translate_one(value, &field, word)),
            Value::Object(entries) if field.is_map() => {
                let Kind::Message(entry) = field.kind() else { continue };
                let of = entry.map_entry_value_field();
                entries.values_mut().for_each(|value| translate_one(value, &of, word));
            }
            value => translate_one(value, &field, word),
        }
    }
}

fn translate_one(value: &mut Value, field: &FieldDescriptor, word: &dyn Fn(&EnumDescriptor, &str) -> String) {
    match (field.kind(), value) {
        (Kind::Enum(of), Value::String(text)) => *text = word(&of, text),
        (Kind::Message(of), value) => translate(value, &of, word),
        _ => {}
    }
}

/// `ROW_STATE_` of `RowState`, as buf's style has it.
fn prefix(of: &EnumDescriptor) -> String {
    let mut prefix = String::new();
    for (at, c) in of.name().char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            prefix.push('_');
        }
        prefix.push(c.to_ascii_uppercase());
    }
    prefix + "_"
}

/// Messages that are known by their description alone.
pub(super) struct Dynamic(pub(super) MethodDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Writer;
    type Decoder = Reader;

    fn encoder(&mut self) -> Writer {
        Writer
    }

    fn decoder(&mut self) -> Reader {
        Reader(self.0.output())
    }
}

/// See [`Dynamic`].
pub(super) struct Writer;

impl Encoder for Writer {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(to).map_err(|_| Status::internal("no room for the request"))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

/// See [`Dynamic`].
pub(super) struct Reader(MessageDescriptor);

impl Decoder for Reader {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), from);
        message.map(Some).map_err(|_| Status::internal("the answer is not of the contract"))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(name: &str) -> MessageDescriptor {
        POOL.get_message_by_name(name).unwrap()
    }

    #[test]
    fn a_message_reads_as_it_was_written() {
        let row = json!({
            "tab": "chat_events", "row_id": "evt_1", "version": 9_007_199_254_740_993_u64, "state": "written",
            "cells": {"state": "PENDING", "n": 1.5}, "occur_time": "2025-10-28T16:20:00Z", "error": "",
        });
        let wanted = json!({"rows": [row], "next_page_token": "x"});
        let sent = encode(message("frontdesk.sheets.v1.ListRowsResponse"), wanted.clone()).unwrap();
        let read = decode(&sent);
        for (name, value) in wanted["rows"][0].as_object().unwrap() {
            assert_eq!(&read["rows"][0][name], value, "{name}");
        }
        let typed = proto::sheets::v1::ListRowsResponse::decode(sent.encode_to_vec().as_slice()).unwrap();
        assert_eq!(typed.rows[0].tab(), proto::sheets::v1::Tab::ChatEvents);
        assert_eq!(typed.rows[0].version, 9_007_199_254_740_993);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let kind = || message("frontdesk.sheets.v1.ListRowsRequest");
        assert!(encode(kind(), json!({"tab": "nowhere"})).unwrap_err().contains("TAB_NOWHERE"));
        assert!(encode(kind(), json!({"no_such_field": 1})).is_err());
    }

    #[test]
    fn a_method_is_found_by_its_name_alone() {
        assert!(method("frontdesk.sheets.v1.LedgerService/ListRows").is_some());
        assert!(method("frontdesk.sheets.v1.LedgerService/Nothing").is_none());
        assert!(method("nothing").is_none());
    }
}
