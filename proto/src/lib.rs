//! The contracts between the services, generated from the `.proto` files beside this crate.
//!
//! Every rpc and field is described where it is declared; this crate adds nothing but the module tree, the
//! descriptor set that gRPC reflection serves, how a time is written and what a tab is called. What is listed in
//! `tests/contract.txt` is never renumbered.

#![allow(missing_docs, clippy::allow_attributes, reason = "the generated servers and clients carry no docs")]

mod tab;
pub mod time;

/// All files' descriptors, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/frontdesk.bin"));

/// What every area shares.
pub mod common {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.common.v1");
    }
}

/// Meetings and payments.
pub mod booking {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.booking.v1");
    }
}

/// Conversations.
pub mod chat {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.chat.v1");
    }
}

/// Notices and reports.
pub mod ops {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.ops.v1");
    }
}

/// Sessions of a chat.
pub mod session {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.session.v1");
    }
}

/// Events, contacts and the ledger.
pub mod sheets {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.sheets.v1");
    }
}

/// Members, and what they may ask for.
pub mod whop {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("frontdesk.whop.v1");
    }
}
