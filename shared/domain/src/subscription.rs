//! States of a subscription or membership, as the books and everybody who reads them understand them.

/// States of one that is over, in the words of the providers.
const OVER: [&str; 5] = ["canceled", "completed", "expired", "incomplete_expired", "unpaid"];

/// Whether a subscription in this state is over. One that was canceled and runs to the end of what is paid for is not in
/// any of these states yet.
pub fn is_over(status: &str) -> bool {
    OVER.contains(&status)
}
