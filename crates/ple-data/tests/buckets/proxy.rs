//! A proxy between a program and a server that breaks connections: which of them, and after how many bytes, is decided
//! beforehand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What becomes of connections.
#[derive(Default)]
pub(crate) struct Proxy {
    /// So many connections from now on are closed as soon as they are made.
    pub(crate) refused: AtomicUsize,
    /// So many connections from now on, after those, are cut after some bytes of their answers.
    pub(crate) cut: AtomicUsize,
    /// After how many bytes.
    pub(crate) after: AtomicU64,
    /// Connections that have been refused or cut.
    pub(crate) broken: AtomicUsize,
    /// Bytes of all answers.
    pub(crate) answered: AtomicU64,
}

impl Proxy {
    /// Passes on what comes to `here` to the server at `there`.
    pub(crate) fn start(here: &str, there: &str) -> Arc<Self> {
        let listener = TcpListener::bind(here).unwrap();
        let (proxy, there) = (Arc::new(Proxy::default()), there.to_owned());
        let accepting = Arc::clone(&proxy);
        // The threads end with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if take_one(&accepting.refused) {
                    accepting.broken.fetch_add(1, Ordering::SeqCst);
                    let _ = client.shutdown(Shutdown::Both);
                    continue;
                }
                let server = TcpStream::connect(&there).unwrap();
                let cut = take_one(&accepting.cut).then(|| accepting.after.load(Ordering::SeqCst));
                let (to_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || pass_on(client, to_server, |_| true));
                let answering = Arc::clone(&accepting);
                std::thread::spawn(move || {
                    let mut passed = 0;
                    pass_on(server, to_client, |bytes| {
                        answering.answered.fetch_add(bytes, Ordering::SeqCst);
                        passed += bytes;
                        let goes_on = cut.is_none_or(|after| passed <= after);
                        answering.broken.fetch_add(usize::from(!goes_on), Ordering::SeqCst);
                        goes_on
                    });
                });
            }
        });
        proxy
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// Copies bytes until one side ends or `goes_on` says no; then both sides are closed.
fn pass_on(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(u64) -> bool) {
    let mut buffer = [0; 1 << 10];
    while let Ok(n) = from.read(&mut buffer)
        && n > 0
        && goes_on(n as u64)
        && to.write_all(&buffer[..n]).is_ok()
    {}
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
