//! Whether the spreadsheet can be read and written with these settings, asked without leaving a trace in it.
//!
//! For `frontdesk doctor`. The invariant: what is asked changes nothing, whoever owns the spreadsheet.

use crate::{
    Config,
    sheets::{
        Client, Reply,
        body::{BatchUpdate, MetadataFilter, MetadataLookup, Request},
    },
};

/// An id of developer metadata that no batch will reach, and that Google never chose for anybody's by our hand.
const NOBODYS: i32 = i32::MAX;

/// Reads what the spreadsheet is.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_reading(config: &Config) -> Result<String, String> {
    let described = done(Client::new(config).describe().await)?;
    let tabs = described["sheets"].as_array().map_or(0, Vec::len);
    Ok(format!("the spreadsheet can be read; it has {tabs} tabs"))
}

/// Asks for a change that comes to nothing, which takes the right to write: deleting metadata that nobody made.
///
/// # Errors
/// What is wrong and what to do, in one line.
pub async fn check_writing(config: &Config) -> Result<String, String> {
    let lookup = MetadataLookup { metadata_id: NOBODYS };
    let data_filter = MetadataFilter { developer_metadata_lookup: lookup };
    let requests = vec![Request::DeleteDeveloperMetadata { data_filter }];
    let batch = BatchUpdate { requests, ..BatchUpdate::default() };
    done(Client::new(config).batch_update(&batch).await)?;
    Ok("the spreadsheet can be written".to_owned())
}

fn done(reply: Reply) -> Result<serde_json::Value, String> {
    match reply {
        Reply::Done(body) => Ok(body),
        Reply::RateLimited(_) => Err("Google's quota is used up at the moment; try again in a minute".into()),
        Reply::Refused(..) => {
            Err("Google Sheets refused the call; is GOOGLE_SHEETS_ID a spreadsheet's?".into())
        }
        Reply::Absent => {
            Err("there is no spreadsheet with this GOOGLE_SHEETS_ID, or it is not shared with the \
                              service account"
                .into())
        }
        Reply::Unclear(trouble) => Err(trouble.to_string()),
    }
}
