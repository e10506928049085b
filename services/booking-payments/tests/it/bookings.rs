//! The calendar as its callers, Cal.com and the books meet it.

mod asking;
mod booking;
mod books;
mod cal;
mod changing;
mod feed;
mod forgetting;
mod people;
mod privacy;
mod rig;
mod slots;
