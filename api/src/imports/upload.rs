//! Taking a file in: to the disk as it comes, then written down, then it has its number.

mod form;
mod gate;
mod pace;

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::extract::multipart::Field;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use domain::text::Client;
use futures::StreamExt as _;
use jiff::Timestamp;
use store::imports::{ImportState, NewImport, Opened, Progress};
use tokio::time::Instant;

use self::pace::{IDLE_MAX, Pace, in_time};
use super::description::{Description, Grant};
use super::files::UPLOADS_MAX;
use super::spool::Part;
use crate::context::Ingress;
use crate::keys::{Caller, Key};
use crate::problem::{Problem, ProblemType};

/// When a file that found no thread, or no place, may be sent again.
const FULL_PAUSE: Duration = Duration::from_secs(5);
/// Bytes that go to the disk together.
const WRITE_BYTES: usize = 1 << 20;
/// The most bytes of a form around its file.
const AROUND_BYTES_MAX: u64 = 1 << 20;

/// Takes a file in, as the body of a request or in a form. When this returns it survives a crash.
pub async fn receive(
    ingress: &Arc<Ingress>,
    caller: &Caller,
    said: Description,
    request: Request,
) -> Result<Opened, Problem> {
    let headers = request.headers();
    check_head(headers, ingress.imports.config.upload_bytes_max)?;
    let _share = ingress.admission.upload(caller, UPLOADS_MAX)?;
    let Some(_place) = ingress.imports.place() else {
        let detail =
            format!("{UPLOADS_MAX} files come in at this replica already, the most at once; send it again");
        return Err(Problem::new(ProblemType::Overloaded, detail).retry_after(FULL_PAUSE));
    };
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (received, description) = if media_type.starts_with("multipart/form-data") {
        form::receive(ingress, said, request).await?
    } else {
        let media_type = Some(media_type.to_owned()).filter(|media_type| !media_type.is_empty());
        check_map(&said)?;
        let body = Incoming::Body(request.into_body().into_data_stream());
        (spool(ingress, body).await?, Description { media_type, ..said })
    };
    let Key { id, accounts, rate, .. } = &**caller;
    let grant = Grant { key: id.clone(), accounts: accounts.clone(), rate: *rate };
    let grant = Some(grant).filter(|_| !caller.is_anonymous());
    open(ingress, &caller.client, received, Description { grant, ..description }).await
}

fn check_head(headers: &HeaderMap, bytes_max: u64) -> Result<(), Problem> {
    if let Some(coding) = headers.get(CONTENT_ENCODING) {
        // A file that is packed is unpacked as it is read, whether or not the head says so.
        let known = ["identity", "gzip", "x-gzip"];
        if !known.iter().any(|known| coding.as_bytes().eq_ignore_ascii_case(known.as_bytes())) {
            let detail =
                format!("the body comes with the content coding {coding:?}; send it plain or as gzip");
            return Err(Problem::new(ProblemType::UnsupportedMediaType, detail));
        }
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max.saturating_add(AROUND_BYTES_MAX)) {
        Err(too_large(bytes_max))
    } else {
        Ok(())
    }
}

/// Before the file is taken in: nobody sends a large one for a map with a mistake in it.
fn check_map(said: &Description) -> Result<(), Problem> {
    let map = said.map.as_deref().unwrap_or_default();
    said.mapping().map(drop).map_err(|error| Problem::parameter("map", map, &error.to_string()))
}

/// The bytes of a file, as they come.
enum Incoming<'a> {
    Body(BodyDataStream),
    Field(Box<Field<'a>>),
}

impl Incoming<'_> {
    async fn next(&mut self, bytes_max: u64) -> Result<Option<Bytes>, Problem> {
        let next = async {
            match self {
                Incoming::Body(body) => {
                    body.next().await.transpose().map_err(|error| incomplete(&error.to_string()))
                }
                Incoming::Field(field) => field.chunk().await.map_err(|error| match error.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => too_large(bytes_max),
                    _ => incomplete(&error.body_text()),
                }),
            }
        };
        in_time(next).await?
    }
}

/// A file on the disk, whole.
struct Received {
    part: Part,
    bytes: u64,
    content: [u8; 32],
}

async fn spool(ingress: &Arc<Ingress>, mut incoming: Incoming<'_>) -> Result<Received, Problem> {
    let bytes_max = ingress.imports.config.upload_bytes_max;
    let name = format!("{}-{}", ingress.parts.replica, ingress.imports.next_received());
    let part = ingress.imports.spool.part(&name).map_err(|error| no_room(&error))?;
    let file = part.file().map_err(|error| no_room(&error))?;
    let mut writing = Writing { file, hasher: blake3::Hasher::new() };
    let (mut buffer, mut bytes) = (Vec::with_capacity(WRITE_BYTES), 0_u64);
    let mut pace = Pace::default();
    loop {
        let asked = Instant::now();
        let Some(chunk) = incoming.next(bytes_max).await? else { break };
        pace.came(chunk.len(), asked.elapsed())?;
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        buffer.extend_from_slice(&chunk);
        if buffer.len() >= WRITE_BYTES {
            let full = std::mem::replace(&mut buffer, Vec::with_capacity(WRITE_BYTES));
            writing = on_disk(ingress, move || writing.write(&full)).await?;
        }
    }
    if bytes == 0 {
        let detail = "the body is empty; send the file as the body, or in a form as the field `file`";
        return Err(Problem::new(ProblemType::InvalidFile, detail));
    }
    let content = on_disk(ingress, move || writing.write(&buffer)?.finish()).await?;
    Ok(Received { part, bytes, content })
}

/// A file that is being written.
struct Writing {
    file: File,
    hasher: blake3::Hasher,
}

impl Writing {
    fn write(mut self, bytes: &[u8]) -> io::Result<Writing> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        Ok(self)
    }

    /// Sees it to the disk, and returns the digest of its content.
    fn finish(self) -> io::Result<[u8; 32]> {
        self.file.sync_all()?;
        Ok(*self.hasher.finalize().as_bytes())
    }
}

/// Writes on a thread of the pool for files: a slow disk holds up nobody who posts.
async fn on_disk<T: Send + 'static>(
    ingress: &Ingress,
    write: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match ingress.parts.io.run(write).await {
        Ok(written) => written.map_err(|error| no_room(&error)),
        Err(full) => {
            let detail = format!("{full}; nothing of the file was accepted");
            Err(Problem::new(ProblemType::PoolExhausted, detail).retry_after(FULL_PAUSE))
        }
    }
}

/// Writes the import down, and leaves its file where it is read from.
async fn open(
    ingress: &Arc<Ingress>,
    client: &Client,
    received: Received,
    said: Description,
) -> Result<Opened, Problem> {
    let description = Description { bytes: received.bytes, ..said };
    let owner = &ingress.parts.replica;
    let new = NewImport {
        client: client.to_string(),
        digest: description.digest(&received.content),
        owner: owner.clone(),
        description: serde_json::to_string(&description).unwrap_or_default(),
        created_at: Timestamp::now().as_microsecond(),
    };
    let opened = ingress.read_records(ingress.parts.imports.create(&new)).await?;
    let spool = &ingress.imports.spool;
    let number = opened.import.number;
    // Where the replica that has the file is gone for good, this one goes on with its own.
    if spool.holds(number) {
        return Ok(opened);
    }
    if let Err(error) = spool.keep(received.part, number, owner, &description) {
        if opened.is_new {
            // Nobody will ever read it. Where this cannot be said, it stays queued and can be cancelled.
            let remark = Some("its file could not be kept; send it again".to_owned());
            let failed = Progress { state: ImportState::Failed, remark, ..Progress::default() };
            let now = Timestamp::now().as_microsecond();
            let _ = ingress
                .read_records(ingress.parts.imports.checkpoint(number, owner, &failed, &[], now))
                .await;
        }
        return Err(no_room(&error));
    }
    ingress.imports.wake();
    Ok(opened)
}

fn incomplete(why: &str) -> Problem {
    let detail = format!("the file could not be read to its end ({why}); nothing of it was accepted");
    Problem::new(ProblemType::IncompleteBody, detail)
}

fn too_large(bytes_max: u64) -> Problem {
    let megabytes = bytes_max >> 20;
    let detail = format!(
        "the file has more than {megabytes} MB, the most that this service takes (MAX_UPLOAD_MB); nothing of it was \
         accepted. Pack it with gzip, or send it in parts"
    );
    Problem::new(ProblemType::BodyTooLarge, detail)
}

fn no_room(error: &io::Error) -> Problem {
    tracing::error!(%error, "a file could not be written to the folder of imports");
    let detail = format!(
        "the file could not be kept ({error}); nothing of it was accepted. Free some space where DATA_DIR is, or set it \
         to a folder that can be written to, then send it again"
    );
    Problem::new(ProblemType::InsufficientStorage, detail).retry_after(IDLE_MAX)
}
