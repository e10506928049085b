//! Several limiters over one store, as if each were a process of its own. The time is the test's.

mod load;
mod rig;
mod trouble;
mod waiting;
