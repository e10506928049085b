//! What counts as unusual, as configured.
//!
//! The invariant: a file is taken whole or not at all, and a key that is misspelt is no key.

use serde::Deserialize;

const BUILT_IN: &str = include_str!("../../anomalies.toml");

/// The thresholds, by kind; `anomalies.toml` beside this crate says what each means.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) volume: Volume,
    pub(crate) conversion: Drop,
    pub(crate) failed_payments: Share,
    pub(crate) churn: Share,
    pub(crate) parked_rows: Most,
    pub(crate) parked_deliveries: Most,
    pub(crate) lag: Lag,
    pub(crate) budget: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Volume {
    pub(crate) drop: f64,
    pub(crate) rise: f64,
    pub(crate) least: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drop {
    pub(crate) drop: f64,
    pub(crate) least: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) share: f64,
    pub(crate) least: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Most {
    pub(crate) most: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lag {
    pub(crate) minutes: f64,
    pub(crate) rows: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) share: f64,
}

// === impl Thresholds ===

impl Thresholds {
    /// Those beside this crate.
    pub(crate) fn built_in() -> Self {
        Self::read(BUILT_IN).expect("a test reads them")
    }

    /// Reads a file. A kind that it leaves out is as built in.
    ///
    /// # Errors
    /// What is wrong, without quoting it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let parse = |text: &str| text.parse::<toml::Table>().map_err(|_| "is no TOML".to_owned());
        let mut table = parse(BUILT_IN)?;
        for (kind, values) in parse(text)? {
            table.insert(kind, values);
        }
        let read: Self = toml::Value::Table(table).try_into().map_err(|_| {
            "has a kind or a threshold that there is not, or lacks one, or one is no number".to_owned()
        })?;
        if read.is_sound() {
            Ok(read)
        } else {
            Err("has a share outside of 0 to 1, or a number below 0".to_owned())
        }
    }

    fn is_sound(&self) -> bool {
        let Self { volume, conversion, failed_payments, churn, parked_rows, parked_deliveries, lag, budget } =
            self;
        let shares = [volume.drop, conversion.drop, failed_payments.share, churn.share, budget.share];
        let numbers = [
            volume.least,
            conversion.least,
            failed_payments.least,
            churn.least,
            parked_rows.most,
            parked_deliveries.most,
            lag.minutes,
            lag.rows,
        ];
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        shares.iter().all(is_share) && numbers.iter().all(|number| *number >= 0.0) && volume.rise >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_over_what_is_built_in() {
        let read = Thresholds::read("[budget]\nshare = 0.5\n").unwrap();
        assert_eq!(read, Thresholds { budget: Part { share: 0.5 }, ..Thresholds::built_in() });
    }

    #[test]
    fn what_is_misspelt_or_out_of_range_is_refused() {
        for bad in [
            "[budjet]\nshare = 0.5\n",
            "[budget]\nshares = 0.5\n",
            "[budget]\nshare = 1.5\n",
            "[budget]\nshare = \"s3same\"\n",
            "[volume]\ndrop = 0.5\n",
            "[lag]\nminutes = -1.0\nrows = 1.0\n",
            "s3same",
        ] {
            let why = Thresholds::read(bad).unwrap_err();
            assert!(!why.contains("s3same"), "{why}");
        }
    }
}
