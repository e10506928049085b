//! Values that Whop writes in more than one way.
//!
//! The invariant: `null` and what is missing are the same.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Number, Value};

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Text(Timestamp),
    /// The documentation of the shape of 2025-01-01 and of API v2 says so.
    Seconds(i64),
}

/// A time: RFC 3339, or seconds since 1970.
pub(super) fn moment<'de, D: Deserializer<'de>>(wire: D) -> Result<Timestamp, D::Error> {
    moment_or_none(wire)?.ok_or_else(|| D::Error::custom("a time is missing"))
}

/// A time, if there is one.
pub(super) fn moment_or_none<'de, D: Deserializer<'de>>(wire: D) -> Result<Option<Timestamp>, D::Error> {
    match Option::deserialize(wire)? {
        None => Ok(None),
        Some(Moment::Text(time)) => Ok(Some(time)),
        Some(Moment::Seconds(seconds)) => {
            Timestamp::from_second(seconds).map(Some).map_err(|_| D::Error::custom("a time is none"))
        }
    }
}

/// Whole days: `30` or `30.0`.
pub(super) fn days<'de, D: Deserializer<'de>>(wire: D) -> Result<Option<u32>, D::Error> {
    let Some(days) = Option::<Number>::deserialize(wire)? else { return Ok(None) };
    let text = days.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text).parse();
    whole.map(Some).map_err(|_| D::Error::custom("a period is not in whole days"))
}

/// An object; what is none is empty.
pub(super) fn object<'de, D: Deserializer<'de>>(wire: D) -> Result<Map<String, Value>, D::Error> {
    match Value::deserialize(wire)? {
        Value::Object(object) => Ok(object),
        _ => Ok(Map::new()),
    }
}

/// A link that leads to https; any other is none.
pub(super) fn https<'de, D: Deserializer<'de>>(wire: D) -> Result<Option<String>, D::Error> {
    let link = Option::<String>::deserialize(wire)?;
    Ok(link.filter(|link| is_https(link)))
}

/// A link by which something is bought: to https, or on this machine, as a stand-in's does; any other is none.
pub(super) fn purchase<'de, D: Deserializer<'de>>(wire: D) -> Result<Option<String>, D::Error> {
    let link = Option::<String>::deserialize(wire)?;
    Ok(link.filter(|link| is_https(link) || is_local(link)))
}

fn is_local(link: &str) -> bool {
    let Ok(url) = url::Url::parse(link) else { return false };
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(host)) => host.is_loopback(),
        Some(url::Host::Ipv6(host)) => host.is_loopback(),
        Some(url::Host::Domain(host)) => host == "localhost",
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

/// Whether a link leads to https.
pub(crate) fn is_https(link: &str) -> bool {
    url::Url::parse(link).is_ok_and(|url| url.scheme() == "https" && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct All {
        #[serde(default, deserialize_with = "moment_or_none")]
        at: Option<Timestamp>,
        #[serde(default, deserialize_with = "days")]
        days: Option<u32>,
        #[serde(default, deserialize_with = "object")]
        metadata: Map<String, Value>,
        #[serde(default, deserialize_with = "https")]
        link: Option<String>,
        #[serde(default, deserialize_with = "purchase")]
        buy: Option<String>,
    }

    fn read(text: &str) -> Option<All> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn nothing_and_null_are_the_same() {
        let null = read(r#"{"at":null,"days":null,"metadata":null,"link":null}"#).unwrap();
        assert_eq!(Some(&null), read("{}").as_ref());
        assert_eq!((null.at, null.days, null.link), (None, None, None));
    }

    #[test]
    fn a_time_is_text_or_seconds() {
        let text = read(r#"{"at":"2023-11-14T22:13:20.000Z"}"#).unwrap();
        assert_eq!(text.at, read(r#"{"at":1700000000}"#).unwrap().at);
        assert!(text.at.is_some());
        for wrong in [r#"{"at":"soon"}"#, r#"{"at":9223372036854775807}"#, r#"{"at":true}"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_period_is_whole() {
        assert_eq!(read(r#"{"days":30}"#).unwrap().days, Some(30));
        assert_eq!(read(r#"{"days":365.0}"#).unwrap().days, Some(365));
        for wrong in ["30.5", "-1", "1e30", "\"30\""] {
            assert_eq!(read(&format!(r#"{{"days":{wrong}}}"#)), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_is_https() {
        let link = |text: &str| read(&serde_json::json!({ "link": text }).to_string()).unwrap().link;
        assert!(link("https://whop.com/billing/manage/mber_1").is_some());
        for wrong in ["http://whop.com", "javascript:alert(1)", "//whop.com", "https:", ""] {
            assert_eq!(link(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_bought_here_is_bought_at_a_stand_in() {
        let buy = |text: &str| read(&serde_json::json!({ "buy": text }).to_string()).unwrap().buy;
        for right in [
            "https://whop.com/checkout/plan_1",
            "http://127.0.0.1:1/x",
            "http://[::1]/x",
            "http://localhost/x",
        ] {
            assert_eq!(buy(right).as_deref(), Some(right));
        }
        for wrong in
            ["http://whop.com", "http://10.0.0.1", "http://localhost.example.com", "javascript:alert(1)", ""]
        {
            assert_eq!(buy(wrong), None, "{wrong}");
        }
    }
}
