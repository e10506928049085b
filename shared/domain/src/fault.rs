//! The closed set of ways in which a call can fail.
//!
//! Every service maps its own errors to a [`Fault`] in one function; the chassis turns a fault into a gRPC status
//! and the gateway into a problem document. The invariant: a fault's message is fit for a stranger's eyes.

use std::{collections::BTreeMap, fmt, time::Duration};

/// What sort of failure it is. Closed: a new kind needs a gRPC code and an HTTP status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The caller sent something wrong; sending it again will not help. gRPC `INVALID_ARGUMENT`, HTTP 400.
    Invalid,
    /// The caller has not shown who it is. `UNAUTHENTICATED`, 401.
    Unauthenticated,
    /// The caller may not do this. `PERMISSION_DENIED`, 403.
    Forbidden,
    /// There is no such thing, or it is somebody else's. `NOT_FOUND`, 404.
    NotFound,
    /// It is there already. `ALREADY_EXISTS`, 409.
    AlreadyExists,
    /// Somebody else changed it meanwhile. `ABORTED`, 409.
    Conflict,
    /// The system is not in the state that the call needs. `FAILED_PRECONDITION`, 400.
    Precondition,
    /// Too much in too little time. `RESOURCE_EXHAUSTED`, 429.
    RateLimited,
    /// The deadline passed. `DEADLINE_EXCEEDED`, 504.
    Deadline,
    /// Try again later. `UNAVAILABLE`, 503.
    Unavailable,
    /// Our fault; the log knows. `INTERNAL`, 500.
    Internal,
}

macro_rules! reasons {
    ($($variant:ident = $name:literal,)*) => {
        /// Why, in a word that programs can compare. The values and their meaning are those of
        /// `frontdesk.common.v1.ErrorReason`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "described once, in error_reason.proto")]
        pub enum Reason { $($variant,)* }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire, e.g. `RATE_LIMITED`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

reasons! {
    Malformed = "MALFORMED",
    InvalidValue = "INVALID_VALUE",
    TooLarge = "TOO_LARGE",
    RouteUnknown = "ROUTE_UNKNOWN",
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    OriginNotAllowed = "ORIGIN_NOT_ALLOWED",
    SecretWrong = "SECRET_WRONG",
    LoopbackOnly = "LOOPBACK_ONLY",
    CallerMissing = "CALLER_MISSING",
    WorkflowUnknown = "WORKFLOW_UNKNOWN",
    WorkflowNotHosted = "WORKFLOW_NOT_HOSTED",
    SessionUnknown = "SESSION_UNKNOWN",
    RateLimited = "RATE_LIMITED",
    ProviderRateLimited = "PROVIDER_RATE_LIMITED",
    ProviderUnavailable = "PROVIDER_UNAVAILABLE",
    ProviderRefused = "PROVIDER_REFUSED",
    StoreUnavailable = "STORE_UNAVAILABLE",
    ServiceUnavailable = "SERVICE_UNAVAILABLE",
    DeadlineExceeded = "DEADLINE_EXCEEDED",
    Contended = "CONTENDED",
    ContactUnknown = "CONTACT_UNKNOWN",
    Internal = "INTERNAL",
    WorkflowNotAllowed = "WORKFLOW_NOT_ALLOWED",
    ThreadUnknown = "THREAD_UNKNOWN",
    ItemUnknown = "ITEM_UNKNOWN",
    StateWrong = "STATE_WRONG",
    LeadUnknown = "LEAD_UNKNOWN",
    ContactsDiffer = "CONTACTS_DIFFER",
    LeadOpen = "LEAD_OPEN",
    ErasureUnknown = "ERASURE_UNKNOWN",
    Erased = "ERASED",
    MessageUnknown = "MESSAGE_UNKNOWN",
    SlotTaken = "SLOT_TAKEN",
    BookingUnknown = "BOOKING_UNKNOWN",
    EventTypeUnknown = "EVENT_TYPE_UNKNOWN",
    ItemNotSold = "ITEM_NOT_SOLD",
    CheckoutUnknown = "CHECKOUT_UNKNOWN",
    SignatureWrong = "SIGNATURE_WRONG",
    RequestIdReused = "REQUEST_ID_REUSED",
    PaymentRequired = "PAYMENT_REQUIRED",
    UserTokenWrong = "USER_TOKEN_WRONG",
    MembershipUnknown = "MEMBERSHIP_UNKNOWN",
    ActionUnknown = "ACTION_UNKNOWN",
    ToolUnknown = "TOOL_UNKNOWN",
    HostNotAllowed = "HOST_NOT_ALLOWED",
}

impl Reason {
    /// The reason with this name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
    }
}

/// State of the limit that was hit, for `RateLimit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls that the limit allows in its window.
    pub limit: u32,
    /// Calls left now.
    pub remaining: u32,
    /// Until a call is taken again.
    pub reset: Duration,
}

/// One failure, in terms that a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What sort of failure.
    pub kind: Kind,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, in one line for people. Never holds a secret, an upstream's text or an address.
    pub message: String,
    /// Path of the offending field in the request, e.g. `events[3].occurred_at`.
    pub field: Option<String>,
    /// How long to wait before trying again.
    pub retry_after: Option<Duration>,
    /// The limit that was hit.
    pub quota: Option<Quota>,
    /// What else programs need to know, by name, e.g. `next_slots`. As fit for a stranger's eyes as the message.
    pub metadata: BTreeMap<String, String>,
}

impl Fault {
    /// A fault with nothing but kind, reason and message.
    pub fn new(kind: Kind, reason: Reason, message: impl Into<String>) -> Self {
        let (message, metadata) = (message.into(), BTreeMap::new());
        Self { kind, reason, message, field: None, retry_after: None, quota: None, metadata }
    }

    /// A value of the request that is not acceptable; `field` is its path.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Kind::Invalid, Reason::InvalidValue, message) }
    }

    /// A body that is not what the contract says.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, Reason::Malformed, message)
    }

    /// More calls than a limit lets through.
    pub fn limited(quota: Quota, message: impl Into<String>) -> Self {
        let fault = Self::new(Kind::RateLimited, Reason::RateLimited, message).retry_after(quota.reset);
        Self { quota: Some(quota), ..fault }
    }

    /// Our own failure. The cause belongs into the log of whoever calls this.
    pub fn internal() -> Self {
        Self::new(Kind::Internal, Reason::Internal, "internal error")
    }

    /// Adds something that programs need to know.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Adds how long to wait.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
