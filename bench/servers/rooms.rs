// The rooms protocol in memory, on bare tokio: a task per connection, a broadcast channel per room,
// one write per message. rooms PORT
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

struct Room {
    seq: AtomicU64,
    frames: broadcast::Sender<Arc<Vec<u8>>>,
}

type Rooms = Arc<Mutex<HashMap<String, Arc<Room>>>>;
static MESSAGE_ID: AtomicU64 = AtomicU64::new(0);

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 4);
    out.push(0x80 | opcode);
    if payload.len() < 126 {
        out.push(payload.len() as u8);
    } else {
        out.push(126);
        out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    }
    out.extend_from_slice(payload);
    out
}

// A masked frame at the start: opcode, payload, bytes taken.
fn take(bytes: &mut [u8]) -> Option<(u8, usize, usize)> {
    if bytes.len() < 2 {
        return None;
    }
    let (size, head) = match bytes[1] & 127 {
        126 if bytes.len() >= 4 => (u16::from_be_bytes([bytes[2], bytes[3]]) as usize, 4),
        126 | 127 => return None,
        size => (size as usize, 2),
    };
    let start = head + 4;
    if bytes.len() < start + size {
        return None;
    }
    let mask = [bytes[head], bytes[head + 1], bytes[head + 2], bytes[head + 3]];
    for (at, byte) in bytes[start..start + size].iter_mut().enumerate() {
        *byte ^= mask[at & 3];
    }
    Some((bytes[0] & 15, start, start + size))
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.find(&format!("\"{name}\":\""))? + name.len() + 4;
    Some(&text[start..start + text[start..].find('"')?])
}

// The message goes to the room; the acknowledgement is returned.
fn post(room: &Room, user: &str, text: &str) -> Option<Vec<u8>> {
    let (content, id) = (value(text, "content")?, value(text, "client_msg_id")?);
    let number = MESSAGE_ID.fetch_add(1, Ordering::Relaxed) + 1;
    let seq = room.seq.fetch_add(1, Ordering::Relaxed) + 1;
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let message = format!(
        "{{\"type\":\"Message\",\"payload\":{{\"from\":\"{user}\",\"nickname\":\"{user}\",\
         \"content\":\"{content}\",\"is_admin\":false,\"message_id\":{number},\"seq\":{seq},\
         \"created_at\":{at},\"client_msg_id\":\"{id}\"}}}}"
    );
    let _ = room.frames.send(Arc::new(frame(1, message.as_bytes())));
    let ack = format!(
        "{{\"type\":\"Ack\",\"payload\":{{\"client_msg_id\":\"{id}\",\"message_id\":{number},\
         \"seq\":{seq},\"duplicate\":false}}}}"
    );
    Some(frame(1, ack.as_bytes()))
}

async fn serve(mut socket: TcpStream, rooms: Rooms) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut bytes = Vec::with_capacity(4096);
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let target = head.split(' ').nth(1).unwrap_or("");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let user = query.trim_start_matches("user_id=").to_string();
    bytes.clear();
    let room = rooms
        .lock()
        .unwrap()
        .entry(path.to_string())
        .or_insert_with(|| {
            let frames = broadcast::channel(4096).0;
            Arc::new(Room { seq: AtomicU64::new(0), frames })
        })
        .clone();
    let mut frames = room.frames.subscribe();
    // The generator sends one key, so there is one answer to it.
    let welcome = format!("{{\"type\":\"WelcomeInfo\",\"payload\":{{\"user_id\":\"{user}\"}}}}");
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        .to_vec();
    answer.extend(frame(1, welcome.as_bytes()));
    socket.write_all(&answer).await?;
    let (mut reader, mut writer) = socket.into_split();
    loop {
        tokio::select! {
            received = frames.recv() => match received {
                Ok(bytes) => writer.write_all(&bytes).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(_) => return Ok(()),
            },
            count = reader.read_buf(&mut bytes) => {
                if count? == 0 {
                    return Ok(());
                }
                while let Some((opcode, start, end)) = take(&mut bytes) {
                    let answer = match opcode {
                        9 => Some(frame(10, &bytes[start..end])),
                        1 => std::str::from_utf8(&bytes[start..end])
                            .ok()
                            .and_then(|text| post(&room, &user, text)),
                        _ => None,
                    };
                    if let Some(answer) = answer {
                        writer.write_all(&answer).await?;
                    }
                    bytes.drain(..end);
                }
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let rooms = Rooms::default();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let rooms = rooms.clone();
        tokio::spawn(async move {
            let _ = serve(socket, rooms).await;
        });
    }
}
