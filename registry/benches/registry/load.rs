//! A client that asks for one thing again and again on some connections that stay open. It lives on a thread of its own and reads
//! no more of an answer than its length, so that little of what is measured is the client.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Requests a second of GET `path`, answered whole, over that many connections for that long.
pub fn requests_a_second(server: SocketAddr, path: &str, connections: usize, time: Duration) -> f64 {
    let started = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..connections).map(|_| scope.spawn(move || ask(server, path, started + time))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    #[allow(clippy::cast_precision_loss)]
    let done = done as f64;
    done / started.elapsed().as_secs_f64()
}

fn ask(server: SocketAddr, path: &str, until: Instant) -> usize {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {server}\r\n\r\n");
    let mut buffer = vec![0; 256 * 1024];
    let mut done = 0;
    while Instant::now() < until {
        stream.write_all(request.as_bytes()).unwrap();
        let mut read = 0;
        let (head, length) = loop {
            let more = stream.read(&mut buffer[read..]).unwrap();
            assert_ne!(more, 0, "the server closed the connection");
            read += more;
            if let Some(end) = buffer[..read].windows(4).position(|four| four == b"\r\n\r\n") {
                break (end + 4, length_of(&buffer[..end]));
            }
        };
        let mut left = length - (read - head);
        while left > 0 {
            let more = stream.read(&mut buffer).unwrap();
            assert_ne!(more, 0, "the server closed the connection");
            left -= more;
        }
        done += 1;
    }
    done
}

fn length_of(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    length.trim().parse().unwrap()
}
