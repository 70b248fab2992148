//! What every HTTP listener does: limits on its connections, and a stop that no client notices.
//!
//! | of a stop | what clients see |
//! |---|---|
//! | at once | `/readyz` says no, so that a load balancer sends its clients elsewhere; every answer ends its connection (`Connection: close`) |
//! | after the pause | the listener accepts no more connections; connections are closed between requests, and what is in flight is answered |

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::response::Response;
use futures::FutureExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tls::ServerTls;

/// Connections that wait to be accepted: a burst of clients that connect at once is not refused.
const BACKLOG: u32 = 2_048;
/// A head comes in one piece; whoever drips it, or sends nothing on a connection for as long, is cut off.
const HEAD_READ_MAX: Duration = Duration::from_secs(30);
/// A handshake takes two round trips; whoever takes longer than this is cut off.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Connections of a listener at the most, some 10 kB each, with TLS some 30 kB. Beyond that, a newcomer takes the place of the one that has
/// been there the longest without a request.
const CONNECTIONS_MAX: usize = 10_000;
/// The share of the process's file descriptors that a listener may take: the broker, the database and files need some.
const DESCRIPTORS_SHARE: u64 = 2;
/// What is in flight takes milliseconds; the longest is a publish that waits for its confirmation.
const STOP_MAX: Duration = Duration::from_secs(8);
/// How long a stop waits for the first request of a connection: it may be under way. Pools and browsers also open
/// connections ahead of need.
const FIRST_REQUEST_MAX: Duration = Duration::from_millis(250);
/// The machine has no file descriptors left: others close theirs meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A socket that takes connections, and what is spoken on them.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Arc<ServerTls>>,
}

impl From<TcpListener> for Listener {
    /// Without TLS.
    fn from(socket: TcpListener) -> Listener {
        Listener { socket, tls: None }
    }
}

impl Listener {
    /// Listens at an address, with TLS only or without; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub fn bind(address: SocketAddr, tls: Option<Arc<ServerTls>>) -> io::Result<Listener> {
        Ok(Listener { socket: bind(address)?, tls })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether it speaks TLS, and nothing else.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart takes the port over from connections of the old process that linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// When a listener stops.
#[derive(Debug, Clone)]
pub struct Stop {
    /// From when on clients are sent elsewhere.
    pub begins: CancellationToken,
    /// How long clients are still accepted then: until a load balancer has noticed.
    pub pause: Duration,
}

impl From<CancellationToken> for Stop {
    /// Without a pause.
    fn from(begins: CancellationToken) -> Stop {
        Stop { begins, pause: Duration::ZERO }
    }
}

/// Serves HTTP until `stop`, then finishes what is in flight, in bounded time. Requests bear the client's address as
/// [`ConnectInfo`].
pub async fn serve(listener: impl Into<Listener>, router: Router, stop: Stop) {
    let Listener { socket: listener, tls } = listener.into();
    let connections = TaskTracker::new();
    let places = Places::new(connections_max());
    let last = CancellationToken::new();
    let serve = |(stream, peer): (TcpStream, SocketAddr), place: Place| {
        let (router, begins, last) = (router.clone(), stop.begins.clone(), last.clone());
        let tls = tls.clone();
        connections.spawn(async move {
            // Answers are small and written at once: waiting for more only delays them.
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve_connection(stream, peer, router, &place, &begins, last).await,
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, stream, peer, &place, &last).await {
                        serve_connection(stream, peer, router, &place, &begins, last).await;
                    }
                }
            }
        });
    };
    let mut stopped = pin!(async {
        stop.begins.cancelled().await;
        tokio::time::sleep(stop.pause).await;
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => tokio::select! {
                    place = places.take() => serve(accepted, place),
                    () = &mut stopped => break,
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stopped => break,
        }
    }
    // Who has connected by now finds somebody. The runtime would not look again.
    if let Ok(listener) = listener.into_std() {
        while let Ok(accepted) = listener.accept().and_then(asynchronous) {
            let Some(place) = places.take().now_or_never() else { break };
            serve(accepted, place);
        }
    }
    connections.close();
    last.cancel();
    tracing::debug!(connections = connections.len(), "the listener accepts no more connections");
    connections.wait().await;
}

fn asynchronous((stream, peer): (std::net::TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, peer))
}

/// Agrees with a client on how they encrypt, in bounded time. `None`: they do not, or the place or the time is up; until
/// then it is a connection without a request.
async fn handshake(
    tls: &ServerTls,
    stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    last: &CancellationToken,
) -> Option<TlsStream<TcpStream>> {
    let ended = async {
        last.cancelled().await;
        tokio::time::sleep(FIRST_REQUEST_MAX).await;
    };
    let why = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_MAX, tls.acceptor().accept(stream)) => match shaken {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {HANDSHAKE_MAX:?}"),
        },
        () = place.wanted.cancelled() => "another connection needed its place".to_owned(),
        () = ended => "the listener stopped".to_owned(),
    };
    tracing::debug!(%peer, why, "a connection was closed within its TLS handshake");
    None
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: SocketAddr,
    router: Router,
    place: &Place,
    stopping: &CancellationToken,
    last: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_READ_MAX);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        place.asked.store(true, Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.call(request);
        async move {
            let mut answer: Response = answer.await?;
            if stopping.is_cancelled() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.wanted.cancelled() => return tracing::debug!(%peer, "a connection without a request was closed to make room"),
        () = last.cancelled() => match finish(connection, &place.asked).await {
            Some(ended) => ended,
            None => return,
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Ends a connection between requests: behind the answer that is on its way, or behind the first request, which may be
/// on its way and is answered with `Connection: close`. `None`: it was cut off.
async fn finish<I, S>(
    mut connection: Pin<&mut http1::Connection<TokioIo<I>, S>>,
    asked: &AtomicBool,
) -> Option<hyper::Result<()>>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if !asked.load(Relaxed) {
        match tokio::time::timeout(FIRST_REQUEST_MAX, connection.as_mut()).await {
            Ok(ended) => return Some(ended),
            Err(_) if !asked.load(Relaxed) => return None,
            Err(_) => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    let ended = tokio::time::timeout(STOP_MAX, connection).await.ok();
    if ended.is_none() {
        tracing::warn!("a request took longer than {STOP_MAX:?} to finish and is cut off");
    }
    ended
}

/// The places of a listener's connections.
struct Places {
    free: Arc<Semaphore>,
    /// The connections, in the order in which they came, as far as they had made no request when it was looked last.
    unused: Mutex<VecDeque<(Arc<AtomicBool>, CancellationToken)>>,
    max: usize,
}

/// A place that a connection holds until it is dropped.
struct Place {
    /// Whether a request has come by it.
    asked: Arc<AtomicBool>,
    /// Cancelled if another connection needs it more.
    wanted: CancellationToken,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    fn new(max: usize) -> Places {
        Places { free: Arc::new(Semaphore::new(max)), unused: Mutex::default(), max }
    }

    /// Waits for a place, and frees one if there is none.
    async fn take(&self) -> Place {
        if self.free.available_permits() == 0 {
            self.free_oldest();
        }
        let permit = self.free.clone().acquire_owned().await.ok();
        let place = Place { asked: Arc::default(), wanted: CancellationToken::new(), _permit: permit };
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        if unused.len() >= 2 * self.max {
            // A place that is held by nobody else any more belonged to a connection that has ended.
            unused.retain(|(asked, _)| Arc::strong_count(asked) > 1 && !asked.load(Relaxed));
        }
        unused.push_back((place.asked.clone(), place.wanted.clone()));
        place
    }

    fn free_oldest(&self) {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((asked, wanted)) = unused.pop_front() {
            if Arc::strong_count(&asked) > 1 && !asked.load(Relaxed) {
                return wanted.cancel();
            }
        }
    }
}

/// How many connections a listener may have, given how many files this process may open.
fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / DESCRIPTORS_SHARE).unwrap_or(usize::MAX).clamp(1, CONNECTIONS_MAX)
}

/// Lets this process open as many files as it may at all: the usual default of 1,024 is a limit for programs of old, and
/// a connection is one.
pub fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newcomer_takes_the_place_of_the_oldest_connection_without_a_request() {
        let places = Places::new(3);
        let (used, idle, younger) = (places.take().await, places.take().await, places.take().await);
        used.asked.store(true, Relaxed);
        let mut newcomer = pin!(places.take());
        assert!(futures::poll!(&mut newcomer).is_pending());
        assert!(idle.wanted.is_cancelled());
        assert!(!used.wanted.is_cancelled() && !younger.wanted.is_cancelled());
        drop(idle);
        newcomer.await;
    }

    #[tokio::test]
    async fn places_of_connections_that_ended_are_forgotten() {
        let places = Places::new(2);
        for _ in 0..100 {
            drop(places.take().await);
        }
        assert!(places.unused.lock().unwrap().len() <= 4);
    }
}
