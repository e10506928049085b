//! The reasons of problems in words, as `/docs` shows them.
//!
//! The invariant: there is no reason without words; the compiler holds it.

use domain::Reason;

/// A reason as a title, e.g. `Rate limited`.
pub(crate) fn title(reason: Reason) -> String {
    let words = reason.as_str().replace('_', " ");
    words[..1].to_owned() + &words[1..].to_ascii_lowercase()
}

/// What a reason means, and what to do.
pub(crate) const fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => {
            "The body is not what the route takes. Mend the request; sending it again will not help."
        }
        Reason::InvalidValue => "A value has the right type and is not acceptable; `field` names it.",
        Reason::TooLarge => "The body is longer than the route takes.",
        Reason::RouteUnknown => "There is nothing at this path.",
        Reason::MethodNotAllowed => {
            "The path does not take this method; the header `Allow` lists those it takes."
        }
        Reason::OriginNotAllowed => "The page's origin is not one of `ALLOWED_ORIGINS`.",
        Reason::SecretWrong => "A shared secret is missing or wrong.",
        Reason::LoopbackOnly => {
            "Without a configured secret this route takes calls from the same machine only."
        }
        Reason::CallerMissing => {
            "The call came without the visitor or the client secret that it needs, or the secret has ended: \
             refresh it."
        }
        Reason::WorkflowUnknown => "`workflowId` names no workflow of this installation.",
        Reason::WorkflowNotHosted => {
            "The workflow has no hosted id, and the client announced that it takes hosted chats alone."
        }
        Reason::WorkflowNotAllowed => "The workflow is for members or the operator.",
        Reason::ThreadUnknown => "No such thread, or it is another visitor's.",
        Reason::ItemUnknown => "No such item in the thread.",
        Reason::StateWrong => "The thread or item is not in the state that the request needs.",
        Reason::LeadUnknown => "No such lead.",
        Reason::ContactsDiffer => "The contacts are two people, or the address is another contact's.",
        Reason::LeadOpen => "The contact has another open lead, and has one at most.",
        Reason::ErasureUnknown => "No such erasure.",
        Reason::Erased => "What is asked for was erased when a person was forgotten.",
        Reason::MessageUnknown => "No such message in the inbox.",
        Reason::SlotTaken => "Somebody else has the slot.",
        Reason::BookingUnknown => "No such booking, or it is another visitor's.",
        Reason::EventTypeUnknown => "The calendar has no such event type.",
        Reason::ItemNotSold => "The workflow sells no such item by link.",
        Reason::CheckoutUnknown => "No such link to pay, or it is another visitor's.",
        Reason::SignatureWrong => "The signature of a webhook is missing, wrong or too old.",
        Reason::PaymentRequired => "What is sold by link cannot be booked without paying.",
        Reason::UserTokenWrong => "The token of the Whop user is missing or was not accepted.",
        Reason::MembershipUnknown => "There is no such membership.",
        Reason::ActionUnknown => "There is no such action.",
        Reason::ToolUnknown => "The workflow has no such tool, or the session does not admit to it.",
        Reason::HostNotAllowed => "The call names another host than that of `PUBLIC_BASE_URL`.",
        Reason::RequestIdReused => "The same `request_id` came before with another content.",
        Reason::SessionUnknown => "No such session, or it is another visitor's.",
        Reason::RateLimited => "Too many calls; wait for `Retry-After` seconds.",
        Reason::ProviderRateLimited => "A provider's limit was hit; wait for `Retry-After` seconds.",
        Reason::ProviderUnavailable => "A provider did not answer; try again later.",
        Reason::ProviderRefused => "A provider refused what we sent; the operator's log has the story.",
        Reason::StoreUnavailable => "The store did not answer; try again later.",
        Reason::ServiceUnavailable => "A service did not answer; try again later.",
        Reason::DeadlineExceeded => "The answer took too long.",
        Reason::Contended => "Somebody else went on changing the same thing; try again.",
        Reason::ContactUnknown => "No such contact.",
        Reason::Internal => "A bug or a wrong configuration; the request id finds it in the operator's log.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_as_titles() {
        assert_eq!(title(Reason::RateLimited), "Rate limited");
        for reason in Reason::ALL {
            assert!(meaning(*reason).ends_with('.'), "{reason:?}");
        }
    }
}
