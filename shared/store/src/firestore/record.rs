//! A document as Firestore holds it.
//!
//! The invariant: what is read is what was written, byte for byte; Firestore's own types hold nothing but what an
//! index or a precondition needs.

use std::{collections::HashMap, fmt};

use firestore::gcloud_sdk::{
    google::firestore::v1::{Document as Wire, MapValue, Value as Field, value::ValueType},
    prost_types,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{Document, Error, Index, Schema, Version, rules, rules::Scalar};

/// The id within the collection, by which an index orders what is equal otherwise.
pub(super) const ID: &str = "id";
/// The content, as JSON.
const BODY: &str = "body";
/// The fields that indexes name.
const FIELDS: &str = "f";
/// From when on the document counts as absent; Firestore collects it some time after.
pub(super) const EXPIRES_AT: &str = "expires_at";
/// Id of the commit that wrote it.
const COMMIT: &str = "commit";
/// Id of the commit whose work it replaced, if its writer knew it; empty when it replaced nothing.
const REPLACES: &str = "replaces";
/// Its commit wrote something that expires, so that a version of it says nothing without a look.
const TIMED: &str = "timed";

/// An update time, in microseconds since 1970.
pub(super) type Moment = i64;

/// A commit, whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommitId(u64);

/// The work of a commit that was replaced; `None` when nothing was there.
pub(super) type Replaced = Option<CommitId>;

/// A state of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) updated: Moment,
    pub(super) commit: CommitId,
}

impl CommitId {
    pub(super) fn new() -> Self {
        Self(getrandom::u64().expect("the operating system gives random bits"))
    }

    #[cfg(test)]
    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// What cannot be one of ours is nobody's.
    fn read(text: &str) -> Self {
        Self(u64::from_str_radix(text, 16).unwrap_or_default())
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A document that was read.
#[derive(Clone, Debug)]
pub(super) struct Record {
    name: String,
    fields: HashMap<String, Field>,
    pub(super) updated: Moment,
}

/// What a write makes of a document.
pub(super) struct Draft {
    fields: HashMap<String, Field>,
}

impl Draft {
    /// A document of `schema` with this content.
    pub(super) fn new(
        collection: &str,
        id: &str,
        body: &Value,
        expires_at: Option<Timestamp>,
        schema: &Schema,
    ) -> Result<Self, Error> {
        let text = rules::encode(collection, body)?;
        let mut fields = HashMap::from([
            (ID.to_owned(), text_field(id)),
            (BODY.to_owned(), text_field(text)),
            (FIELDS.to_owned(), indexed(collection, body, schema)),
        ]);
        if let Some(at) = expires_at {
            let at = prost_types::Timestamp {
                seconds: at.as_millisecond().div_euclid(1_000),
                nanos: (at.as_millisecond().rem_euclid(1_000) * 1_000_000) as i32,
            };
            fields.insert(EXPIRES_AT.to_owned(), field(ValueType::TimestampValue(at)));
        }
        Ok(Self { fields })
    }

    /// The document under `name`, of `commit`; see [`TIMED`] and [`REPLACES`].
    pub(super) fn wire(&self, name: &str, commit: CommitId, timed: bool, replaces: Option<Replaced>) -> Wire {
        let mut fields = self.fields.clone();
        fields.insert(COMMIT.to_owned(), text_field(commit.to_string()));
        if timed {
            fields.insert(TIMED.to_owned(), field(ValueType::BooleanValue(true)));
        }
        if let Some(replaces) = replaces {
            let text = replaces.map(|commit| commit.to_string()).unwrap_or_default();
            fields.insert(REPLACES.to_owned(), text_field(text));
        }
        Wire { name: name.to_owned(), fields, create_time: None, update_time: None }
    }
}

impl Record {
    pub(super) fn read(wire: Wire) -> Result<Self, Error> {
        let Some(updated) = wire.update_time.as_ref().map(moment) else {
            return Err(malformed(&wire.name, "has no update time"));
        };
        Ok(Self { name: wire.name, fields: wire.fields, updated })
    }

    /// Whether it has not expired at `now`, in milliseconds.
    pub(super) fn is_live(&self, now: i64) -> bool {
        match self.field(EXPIRES_AT) {
            Some(ValueType::TimestampValue(at)) => moment(at) > now * 1_000,
            _ => true,
        }
    }

    /// The commit that wrote it.
    pub(super) fn commit(&self) -> CommitId {
        match self.field(COMMIT) {
            Some(ValueType::StringValue(id)) => CommitId::read(id),
            _ => CommitId(0),
        }
    }

    /// What it replaced, if its writer knew.
    pub(super) fn replaces(&self) -> Option<Replaced> {
        match self.field(REPLACES) {
            Some(ValueType::StringValue(id)) => Some((!id.is_empty()).then(|| CommitId::read(id))),
            _ => None,
        }
    }

    /// Which state it is.
    pub(super) fn state(&self) -> State {
        State { updated: self.updated, commit: self.commit() }
    }

    /// Which state it is, for those who read it.
    pub(super) fn version(&self) -> Version {
        version(self.state(), matches!(self.field(TIMED), Some(ValueType::BooleanValue(true))))
    }

    /// The document in it.
    pub(super) fn document(&self) -> Result<Document, Error> {
        let text = |name| match self.field(name) {
            Some(ValueType::StringValue(text)) => Ok(text),
            _ => Err(malformed(&self.name, "is none of ours")),
        };
        let body = serde_json::from_str(text(BODY)?).map_err(|error| Error::corrupt(&self.name, &error))?;
        Ok(Document { id: text(ID)?.clone(), version: self.version(), body })
    }

    /// Its full name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of its content.
    pub(super) fn size(&self) -> usize {
        match self.field(BODY) {
            Some(ValueType::StringValue(text)) => text.len(),
            _ => 0,
        }
    }

    /// The document in it as one of `collection`, for a walk through all of them.
    pub(super) fn scanned(self, collection: &str) -> Result<crate::scan::Record, Error> {
        let text = |name| match self.field(name) {
            Some(ValueType::StringValue(text)) => Ok(text.clone()),
            _ => Err(malformed(&self.name, "is none of ours")),
        };
        let expires_at = match self.field(EXPIRES_AT) {
            Some(ValueType::TimestampValue(at)) => Timestamp::from_microsecond(moment(at)).ok(),
            _ => None,
        };
        Ok(crate::scan::Record {
            collection: collection.to_owned(),
            id: text(ID)?,
            expires_at,
            body: text(BODY)?,
        })
    }

    fn field(&self, name: &str) -> Option<&ValueType> {
        self.fields.get(name)?.value_type.as_ref()
    }
}

/// The version of a document in this state: the update time, [`TIMED`] in one bit, the commit.
pub(super) fn version(state: State, timed: bool) -> Version {
    let head = u128::from(state.updated.unsigned_abs()) << 1 | u128::from(timed);
    Version(head << u64::BITS | u128::from(state.commit.0))
}

/// The state in a version, and whether it is [`TIMED`].
pub(super) fn parts(version: Version) -> (State, bool) {
    let head = (version.0 >> u64::BITS) as u64;
    let commit = CommitId(version.0 as u64);
    (State { updated: (head >> 1) as Moment, commit }, head & 1 == 1)
}

/// An update time as Firestore has it: no finer than microseconds.
pub(super) fn moment(at: &prost_types::Timestamp) -> Moment {
    at.seconds * 1_000_000 + Moment::from(at.nanos) / 1_000
}

/// The update time for Firestore.
pub(super) fn timestamp(moment: Moment) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: moment.div_euclid(1_000_000),
        nanos: (moment.rem_euclid(1_000_000) * 1_000) as i32,
    }
}

/// The path of a field that indexes name.
pub(super) fn path(name: &str) -> String {
    format!("{FIELDS}.{name}")
}

/// A scalar for Firestore.
pub(super) fn scalar(scalar: &Scalar) -> Field {
    field(match scalar {
        Scalar::Flag(flag) => ValueType::BooleanValue(*flag),
        Scalar::Integer(integer) => ValueType::IntegerValue(*integer),
        Scalar::Text(text) => ValueType::StringValue(text.clone()),
    })
}

/// A string for Firestore.
pub(super) fn text_field(text: impl Into<String>) -> Field {
    field(ValueType::StringValue(text.into()))
}

fn field(value: ValueType) -> Field {
    Field { value_type: Some(value) }
}

fn indexed(collection: &str, body: &Value, schema: &Schema) -> Field {
    let of = |index: &&&Index| index.collection == collection;
    let names = schema.indexes.iter().filter(of).flat_map(|index| index.fields);
    let fields =
        names.filter_map(|name| Some(((*name).to_owned(), scalar(&Scalar::of(&body[*name])?)))).collect();
    field(ValueType::MapValue(MapValue { fields }))
}

fn malformed(name: &str, why: &'static str) -> Error {
    Error::misshapen(name, why)
}
