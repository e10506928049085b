//! How a limit is written: `20/m:10` is 20 a minute with bursts of 10.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// A limit of so many calls in a window, with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Everything is let through. For local runs only.
    Off,
    /// `count` calls every `window`, `burst` of them at once.
    Rate {
        /// Calls a window.
        count: NonZeroU32,
        /// The window.
        window: Duration,
        /// Calls that may come at once.
        burst: NonZeroU32,
    },
}

/// Why a text is not a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `off` or COUNT/UNIT[:BURST] with UNIT one of s, m, h, d; e.g. 20/m:10")]
pub struct Malformed;

const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

impl FromStr for Limit {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (rate, burst) = text.split_once(':').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let (count, unit) = rate.split_once('/').ok_or(Malformed)?;
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(Malformed)?;
        let count: NonZeroU32 = count.parse().map_err(|_| Malformed)?;
        let burst = burst.map_or(Ok(count), str::parse).map_err(|_| Malformed)?;
        Ok(Self::Rate { count, window: Duration::from_secs(seconds), burst })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Rate { count, window, burst } = self else { return f.write_str("off") };
        let unit =
            UNITS.into_iter().find(|(_, seconds)| *seconds == window.as_secs()).map_or("?", |(name, _)| name);
        write!(f, "{count}/{unit}:{burst}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_as_they_are_written() {
        for text in ["20/m:10", "1/s:1", "5/h:2", "600/d:100", "off"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        assert_eq!("20/m".parse::<Limit>(), "20/m:20".parse());
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for bad in ["", "20", "0/m", "20/m:0", "20/w", "-1/m", "OFF", "20/m:", "1.5/s"] {
            assert_eq!(bad.parse::<Limit>(), Err(Malformed), "{bad:?}");
        }
    }
}
