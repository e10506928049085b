//! The version of the documents' shape, kept beside them.
//!
//! The invariant: a program that knows an older shape than the database has does not touch it.

use firestore::gcloud_sdk::google::firestore::v1::{
    BatchGetDocumentsRequest, CommitRequest, Document, Precondition, Value, Write,
    batch_get_documents_response::Result as Got, precondition::ConditionType, value::ValueType,
    write::Operation,
};

use super::{Client, batch_get, failed, is_conflict, limited};
use crate::{Error, Key, firestore::names::Names};

/// Where the version is.
const META: &str = "meta";
const SCHEMA: &str = "schema";
const VERSION: &str = "version";

/// How often it is looked again because somebody else was quicker.
const LOOKS: u32 = 5;

/// Finds out which version the database has, and makes it `known` where it is older or new.
pub(super) async fn check(mut client: Client, names: &Names, known: u32) -> Result<(), Error> {
    let name = name(names);
    let mut looks = 0;
    loop {
        let found = look(&client, names, &name).await?;
        match found.as_ref().and_then(version) {
            Some(found) if found > known => return Err(Error::TooNew { found, known }),
            Some(found) if found == known => return Ok(()),
            _ => {}
        }
        let request = CommitRequest {
            database: names.database().to_owned(),
            writes: vec![write(name.clone(), found, known)],
            ..Default::default()
        };
        looks += 1;
        match client.commit(limited(request)).await {
            Ok(_) => return Ok(()),
            Err(status) if looks < LOOKS && is_conflict(status.code()) => {}
            Err(status) => return Err(failed(&status)),
        }
    }
}

/// Name of the document that holds the version.
pub(in crate::firestore) fn name(names: &Names) -> String {
    names.document(&Key { collection: META, id: SCHEMA.to_owned() })
}

async fn look(client: &Client, names: &Names, name: &str) -> Result<Option<Document>, Error> {
    let request = BatchGetDocumentsRequest {
        database: names.database().to_owned(),
        documents: vec![name.to_owned()],
        ..Default::default()
    };
    let answers = batch_get(client.clone(), limited(request)).await.map_err(|status| failed(&status))?;
    Ok(answers.into_iter().find_map(|answer| match answer.result {
        Some(Got::Found(document)) => Some(document),
        _ => None,
    }))
}

/// The write that makes the version `known`, if nobody has changed what was `found`.
fn write(name: String, found: Option<Document>, known: u32) -> Write {
    let condition = match found.and_then(|document| document.update_time) {
        Some(time) => ConditionType::UpdateTime(time),
        None => ConditionType::Exists(false),
    };
    let fields = [(VERSION.to_owned(), Value { value_type: Some(ValueType::IntegerValue(known.into())) })];
    Write {
        operation: Some(Operation::Update(Document { name, fields: fields.into(), ..Default::default() })),
        current_document: Some(Precondition { condition_type: Some(condition) }),
        ..Default::default()
    }
}

fn version(document: &Document) -> Option<u32> {
    match document.fields.get(VERSION)?.value_type {
        Some(ValueType::IntegerValue(version)) => u32::try_from(version).ok(),
        _ => None,
    }
}
