//! The API server of one machine by its own processor time: `cluster ADDRESS PID` asks a running `imagecache serve`.
//!
//! One request after the other over one connection where the cost of a request is asked for, so that what is measured is
//! the request; ten clients where it is how many writes a second reach the disk.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a benchmark that cannot run should say so loudly

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CACHES: &str = "/apis/eci.alibabacloud.com/v1/imagecaches";
/// Requests for one figure.
const REQUESTS: u32 = 1_000;
/// Objects in the long list.
const OBJECTS: u32 = 10_000;
/// Clients that write at once, and for how long.
const WRITERS: u32 = 10;
const WRITING: Duration = Duration::from_secs(3);

/// One connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Client {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream: BufReader::new(stream),
            address: address.to_owned(),
        }
    }

    /// Asks, and reads the answer; returns the length of its body.
    fn ask(&mut self, method: &str, path: &str, content: &str, body: &str) -> usize {
        let (address, length) = (&self.address, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/{content}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().to_owned();
        assert!(status.starts_with('2'), "{method} {path}: {line}");
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        length
    }

    fn create(&mut self, name: &str) {
        let body = format!(
            r#"{{"apiVersion":"eci.alibabacloud.com/v1","kind":"ImageCache","metadata":{{"name":"{name}"}},"spec":{{"images":["nginx:1.27"],"imageCacheSize":25}}}}"#
        );
        self.ask("POST", CACHES, "json", &body);
    }

    fn patch_status(&mut self, name: &str, progress: u32) {
        let body = format!(r#"{{"status":{{"phase":"Creating","progress":"{progress}%"}}}}"#);
        let path = format!("{CACHES}/{name}/status");
        self.ask("PATCH", &path, "merge-patch+json", &body);
    }
}

/// Processor time that the threads of a process have had, in nanoseconds.
fn processor(id: &str) -> f64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let times = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, id] = arguments.as_slice() else {
        println!("cluster ADDRESS PID");
        return;
    };
    let mut client = Client::new(address);
    client.create("warm-up");
    let per_request = |name: &str, client: &mut Client, one: &mut dyn FnMut(&mut Client, u32)| {
        let before = processor(id);
        for number in 0..REQUESTS {
            one(client, number);
        }
        let each = (processor(id) - before) / f64::from(REQUESTS);
        println!("{name} {each:.0}");
    };
    per_request("create", &mut client, &mut |client, number| {
        client.create(&format!("c{number}"));
    });
    per_request("status", &mut client, &mut |client, number| {
        client.patch_status(&format!("c{number}"), number % 100);
    });
    per_request("get", &mut client, &mut |client, number| {
        client.ask("GET", &format!("{CACHES}/c{number}"), "json", "");
    });
    per_request("delete", &mut client, &mut |client, number| {
        client.ask("DELETE", &format!("{CACHES}/c{number}"), "json", "");
    });
    for number in 0..OBJECTS {
        client.create(&format!("l{number}"));
    }
    let (mut best, mut bytes) = (f64::INFINITY, 0);
    for _ in 0..5 {
        let start = Instant::now();
        bytes = client.ask("GET", CACHES, "json", "");
        best = best.min(start.elapsed().as_secs_f64() * 1e9);
    }
    println!("list {best:.0}\nlist-bytes {bytes}");
    println!("writes {:.0}", writes(address, 1));
    println!("writes-at-once {:.0}", writes(address, WRITERS));
}

/// Status writes that clients get acknowledged in a second.
fn writes(address: &str, clients: u32) -> f64 {
    let writers = (0..clients).map(|writer| {
        let address = address.to_owned();
        std::thread::spawn(move || {
            let mut client = Client::new(&address);
            let (start, mut written) = (Instant::now(), 0_u32);
            while start.elapsed() < WRITING {
                client.patch_status(&format!("l{writer}"), written);
                written += 1;
            }
            f64::from(written) / start.elapsed().as_secs_f64()
        })
    });
    let writers: Vec<_> = writers.collect();
    writers
        .into_iter()
        .map(|writer| writer.join().unwrap())
        .sum()
}
