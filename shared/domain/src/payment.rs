//! States of a payment, as the books and everybody who reads them understand them.

/// States of a payment whose money came, whatever became of it since.
const CAME: [&str; 5] = ["paid", "partially_refunded", "refunded", "disputed", "lost"];

/// Whether the money of a payment in this state came, whatever became of it since.
pub fn came(status: &str) -> bool {
    CAME.contains(&status)
}
