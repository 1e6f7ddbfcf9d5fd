//! An HTTP/2 client that hides nothing, for one test at a time.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request, Response, Version};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An answer that has come whole.
#[derive(Debug)]
pub struct Whole {
    /// Its head.
    pub head: Response<()>,
    /// Its body.
    pub body: Vec<u8>,
    /// What came after it.
    pub trailers: Option<HeaderMap>,
}

/// Runs a test's client.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

/// Opens a connection; the task ends with it.
pub async fn connect(to: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(to).await.expect("the gateway listens");
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2 is spoken");
    (sender.ready().await.expect("it is open"), tokio::spawn(connection))
}

/// A request of `films.example`.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let uri = format!("http://films.example{path}");
    let mut request = Request::builder().method(method).uri(uri).version(Version::HTTP_2);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

/// Asks without a body.
pub async fn ask(sender: &mut SendRequest<Bytes>, request: Request<()>) -> Result<Whole, h2::Error> {
    let (answer, _) = sender.send_request(request, true)?;
    whole(answer).await
}

/// Waits for the whole answer.
pub async fn whole(answer: ResponseFuture) -> Result<Whole, h2::Error> {
    let (head, mut stream) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = next(&mut stream).await? {
        body.extend_from_slice(&piece);
    }
    Ok(Whole { head: Response::from_parts(head, ()), body, trailers: stream.trailers().await? })
}

/// The next piece of a body, and room for another.
pub async fn next(stream: &mut RecvStream) -> Result<Option<Bytes>, h2::Error> {
    let Some(piece) = stream.data().await.transpose()? else { return Ok(None) };
    stream.flow_control().release_capacity(piece.len())?;
    Ok(Some(piece))
}
