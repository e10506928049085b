//! What all tests of this process have logged.

use std::{
    io,
    sync::{Mutex, Once},
};

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to listen, once.
pub(crate) fn listen() {
    START.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(|| Writer)
            .init();
    });
}

/// The lines that hold `text`.
pub(crate) fn lines_with(text: &str) -> Vec<String> {
    let written = String::from_utf8(WRITTEN.lock().unwrap().clone()).unwrap();
    written.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}
