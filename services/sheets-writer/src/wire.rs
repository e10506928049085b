//! Where wire types and domain types meet.

use domain::{Cell, Cells, Fault, Row, Tab, tab};
use proto::sheets::v1 as pb;
pub(crate) use proto::time::{read as timestamp, wire as wire_time};
use serde_json::{Map, Value, json};

use crate::{
    leads::{LeadView, Stage},
    rows::{RowDoc, State},
};

/// The tab that a request names.
pub(crate) fn tab(wire: i32) -> Result<Tab, Fault> {
    let name = pb::Tab::try_from(wire).ok().and_then(pb::Tab::name);
    let named = name.and_then(|name| name.parse().ok());
    named.ok_or_else(|| Fault::invalid("tab", "tab must be one of the seven tabs"))
}

pub(crate) fn wire_tab(tab: Tab) -> pb::Tab {
    pb::Tab::named(tab.as_str()).expect("a test sees to it that the contract has every tab")
}

/// The row that a request brings; `place` is where it stood, for error messages.
pub(crate) fn row(wire: pb::Row, place: &str) -> Result<Row, Fault> {
    let wrong =
        |field: &str, why: &str| Fault::invalid(format!("{place}.{field}"), format!("{place}.{field} {why}"));
    let tab = tab(wire.tab)?;
    domain::id::check(&wire.row_id).map_err(|why| wrong("row_id", &why.to_string()))?;
    if wire.version == 0 {
        return Err(wrong("version", "counts from 1"));
    }
    let occurred_at =
        wire.occur_time.and_then(timestamp).ok_or_else(|| wrong("occur_time", "is required"))?;
    let mut cells: Map<String, Value> = wire
        .cells
        .unwrap_or_default()
        .fields
        .into_iter()
        .map(|(column, value)| (column, json_of(value)))
        .collect();
    cells.insert("id".to_owned(), json!(wire.row_id));
    tab::decode(tab, Value::Object(cells), wire.version, occurred_at)
        .map_err(|error| wrong("cells", &format!("do not fit the tab: {error}")))
}

/// A stored row as it is answered.
pub(crate) fn wire_row(doc: RowDoc) -> pb::Row {
    let state = match doc.state {
        State::Pending => pb::RowState::Pending,
        State::Written => pb::RowState::Written,
        State::Parked => pb::RowState::Parked,
        State::Deleted => pb::RowState::Deleted,
    };
    pb::Row {
        tab: wire_tab(doc.tab).into(),
        row_id: doc.id,
        version: doc.version,
        occur_time: Some(wire_time(doc.occurred_at)),
        cells: Some(wire_cells(doc.cells)),
        state: state.into(),
        error: doc.error.unwrap_or_default(),
        former: (!doc.former.is_empty()).then(|| wire_cells(doc.former)),
    }
}

fn wire_cells(cells: Cells) -> prost_types::Struct {
    let fields = cells.into_iter().map(|(column, cell)| (column, wire_value(cell_json(cell))));
    prost_types::Struct { fields: fields.collect() }
}

/// A row's cells as JSON, as [`row`] takes them.
pub(crate) fn cells_json(cells: Cells) -> Map<String, Value> {
    cells.into_iter().map(|(column, cell)| (column, cell_json(cell))).collect()
}

pub(crate) fn cell_json(cell: Cell) -> Value {
    match cell {
        Cell::Time { time } => json!(time),
        Cell::Money(money) => json!(money),
        Cell::Number(number) => json!(number),
        Cell::Bool(flag) => json!(flag),
        Cell::Text(text) => json!(text),
        Cell::Empty => Value::Null,
    }
}

/// A contact as it is answered.
pub(crate) fn wire_contact(contact: tab::Contact) -> pb::Contact {
    pb::Contact {
        contact_id: contact.id,
        create_time: contact.created_at.map(wire_time),
        email: contact.email,
        phone: contact.phone,
        first_name: contact.first_name,
        last_name: contact.last_name,
        company: contact.company,
        source: contact.source,
        utm_source: contact.utm_source,
        utm_medium: contact.utm_medium,
        utm_campaign: contact.utm_campaign,
        tags: contact.tags,
        erase_time: None,
    }
}

/// What a request says about a contact; identities in it do not count.
pub(crate) fn facts(wire: pb::Contact) -> tab::Contact {
    tab::Contact { email: String::new(), phone: String::new(), ..corrections(wire) }
}

/// What the operator says about a contact.
pub(crate) fn corrections(wire: pb::Contact) -> tab::Contact {
    tab::Contact {
        email: wire.email,
        phone: wire.phone,
        first_name: wire.first_name,
        last_name: wire.last_name,
        company: wire.company,
        source: wire.source,
        utm_source: wire.utm_source,
        utm_medium: wire.utm_medium,
        utm_campaign: wire.utm_campaign,
        tags: wire.tags,
        ..Default::default()
    }
}

/// A lead as it is answered.
pub(crate) fn wire_lead(view: LeadView) -> pb::Lead {
    let LeadView { lead, highest_score } = view;
    let status = match Stage::read(&lead.status) {
        Some(Stage::New) => pb::LeadStatus::New,
        Some(Stage::Qualified) => pb::LeadStatus::Qualified,
        Some(Stage::Booked) => pb::LeadStatus::Booked,
        Some(Stage::Won) => pb::LeadStatus::Won,
        Some(Stage::Lost) => pb::LeadStatus::Lost,
        None => pb::LeadStatus::Unspecified,
    };
    pb::Lead {
        lead_id: lead.id,
        contact_id: lead.contact_id,
        create_time: lead.created_at.map(wire_time),
        intent: lead.intent,
        budget_range: lead.budget_range,
        timeframe: lead.timeframe,
        notes: lead.notes,
        score: lead.score,
        highest_score,
        owner: lead.owner,
        status: status.into(),
        last_touch_time: lead.last_touch.map(wire_time),
    }
}

/// The status that a request names; `None` if it names none.
pub(crate) fn stage(wire: i32) -> Result<Option<Stage>, Fault> {
    match pb::LeadStatus::try_from(wire) {
        Ok(pb::LeadStatus::Unspecified) => Ok(None),
        Ok(pb::LeadStatus::New) => Ok(Some(Stage::New)),
        Ok(pb::LeadStatus::Qualified) => Ok(Some(Stage::Qualified)),
        Ok(pb::LeadStatus::Booked) => Ok(Some(Stage::Booked)),
        Ok(pb::LeadStatus::Won) => Ok(Some(Stage::Won)),
        Ok(pb::LeadStatus::Lost) => Ok(Some(Stage::Lost)),
        Err(_) => Err(Fault::invalid("lead.status", "lead.status must be a known status")),
    }
}

/// Numbers that are whole become integers again: a `Struct` knows floating point alone.
fn json_of(value: prost_types::Value) -> Value {
    use prost_types::value::Kind;
    match value.kind {
        Some(Kind::BoolValue(flag)) => json!(flag),
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() < 9.0e15 => {
            json!(number as i64)
        }
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json_of).collect(),
        Some(Kind::StructValue(fields)) => {
            Value::Object(fields.fields.into_iter().map(|(name, value)| (name, json_of(value))).collect())
        }
        Some(Kind::NullValue(_)) | None => Value::Null,
    }
}

pub(crate) fn wire_value(value: Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.into_iter().map(wire_value).collect() })
        }
        Value::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.into_iter().map(|(name, value)| (name, wire_value(value))).collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_has_every_tab() {
        for known in Tab::ALL {
            assert_eq!(tab(wire_tab(known).into()).unwrap(), known);
        }
        for unknown in [0, 8, -1] {
            assert!(tab(unknown).is_err(), "{unknown}");
        }
    }
}
