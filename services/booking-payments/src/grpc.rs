//! The doors of this service: each decodes, calls, encodes.

pub(crate) mod bookings;
pub(crate) mod payments;

pub(crate) use providers::wire::{check_request_id, read_time, wire_time};
