//! The contract as it stands: a service, method, field or number that changes shows up here, in the review.

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto as field,
};

#[test]
fn contract_is_as_listed() {
    let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).expect("descriptor set decodes");
    let actual = render(&set);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract.txt");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    if listed != actual {
        let new = std::env::temp_dir().join("frontdesk-contract.txt");
        std::fs::write(&new, &actual).expect("temp dir is writable");
        let added: Vec<_> = actual.lines().filter(|line| !listed.lines().any(|l| l == *line)).collect();
        let gone: Vec<_> = listed.lines().filter(|line| !actual.lines().any(|l| l == *line)).collect();
        panic!(
            "the contract changed\n  added: {added:#?}\n  gone: {gone:#?}\nif meant: cp {} {path}",
            new.display()
        );
    }
}

#[test]
fn every_request_names_its_caller_first() {
    let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).expect("descriptor set decodes");
    let mut requests = 0;
    // What every service offers to whoever runs it is never called on behalf of a visitor.
    let of_areas = ours(&set).filter(|file| file.package() != "frontdesk.common.v1");
    for message in of_areas.flat_map(|file| &file.message_type) {
        if message.name().ends_with("Request") {
            requests += 1;
            let first = message.field.iter().find(|f| f.number() == 1).expect("a request has a field 1");
            assert_eq!(first.type_name(), ".frontdesk.common.v1.Caller", "{}", message.name());
        }
    }
    assert!(requests > 0, "no request was looked at");
}

fn ours(set: &FileDescriptorSet) -> impl Iterator<Item = &prost_types::FileDescriptorProto> {
    set.file.iter().filter(|file| file.package().starts_with("frontdesk."))
}

fn render(set: &FileDescriptorSet) -> String {
    let mut lines = Vec::new();
    for file in ours(set) {
        let package = file.package();
        for service in &file.service {
            for method in &service.method {
                let stream = if method.server_streaming() { "stream " } else { "" };
                lines.push(format!(
                    "rpc {package}.{}/{}({}) -> {stream}{}",
                    service.name(),
                    method.name(),
                    method.input_type(),
                    method.output_type()
                ));
            }
        }
        for message in &file.message_type {
            lines.extend(message.field.iter().map(|f| field_line(package, message, f)));
        }
        for kind in &file.enum_type {
            lines.extend(
                kind.value
                    .iter()
                    .map(|v| format!("enum {package}.{} {} = {}", kind.name(), v.name(), v.number())),
            );
        }
    }
    lines.sort();
    lines.join("\n") + "\n"
}

fn field_line(package: &str, message: &DescriptorProto, f: &FieldDescriptorProto) -> String {
    let label = if f.label() == field::Label::Repeated { "repeated " } else { "" };
    let kind = match f.r#type() {
        field::Type::Message | field::Type::Enum => f.type_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    format!("field {package}.{} {} = {} {label}{kind}", message.name(), f.name(), f.number())
}
