//! Secrets that are looked for afterwards: in any bytes, in every spelling in which they may have got there.

use std::{
    fmt::Write as _,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

/// What each half of a canary is made of: so much that no other text holds it by chance.
const HALF: usize = 16;

/// Canaries, each with its name.
#[derive(Default)]
pub struct Canaries(Vec<Canary>);

struct Canary {
    name: String,
    spellings: Vec<(&'static str, Vec<u8>)>,
}

impl Canaries {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new secret, unlike any other, with characters that URLs and JSON write otherwise.
    ///
    /// # Panics
    /// Where there is no randomness.
    pub fn hatch(&mut self, name: &str) -> String {
        let mut random = [0; HALF];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).expect("randomness");
        let (first, second) = random.split_at(HALF / 2);
        let secret = format!("K{}/+&{}Y", hex(first, false), hex(second, false));
        self.watch(name, &secret);
        secret
    }

    /// Looks out for a secret that somebody else has made, too; also for each long half of it, since a leak may be cut short.
    pub fn watch(&mut self, name: &str, secret: &str) {
        let bytes = secret.as_bytes();
        let mut spellings = spellings(bytes);
        if bytes.len() >= 2 * HALF {
            let (first, second) = bytes.split_at(bytes.len() / 2);
            spellings.extend([first, second].into_iter().flat_map(self::spellings));
        }
        self.0.push(Canary { name: name.to_owned(), spellings });
    }

    /// Which canaries are in there, and how each is spelled: `refresh token (base64)`. One pass, whatever their number.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        let mut begins: Vec<Vec<(usize, usize)>> = vec![Vec::new(); 1 << 16];
        for (nth, canary) in self.0.iter().enumerate() {
            for (how, (_, spelling)) in canary.spellings.iter().enumerate() {
                begins[pair(spelling)].push((nth, how));
            }
        }
        let mut found: Vec<Option<&str>> = vec![None; self.0.len()];
        for (at, window) in bytes.windows(2).enumerate() {
            for (nth, how) in &begins[pair(window)] {
                let (how, spelling) = &self.0[*nth].spellings[*how];
                if found[*nth].is_none() && bytes[at..].starts_with(spelling) {
                    found[*nth] = Some(how);
                }
            }
        }
        let named = self.0.iter().zip(found);
        named.filter_map(|(canary, how)| Some(format!("{} ({})", canary.name, how?))).collect()
    }

    /// The same for every file of a folder and of those below, but for `rightful` ones; and for the files' names.
    ///
    /// # Panics
    /// On what can't be read.
    pub fn found_below(&self, folder: &Path, rightful: &[PathBuf]) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            for entry in entries {
                let entry = entry.expect("an entry");
                let (path, kind) = (entry.path(), entry.file_type().expect("its type"));
                if rightful.contains(&path) {
                    continue;
                }
                let mut held = self.found_in(path.as_os_str().as_encoded_bytes());
                if kind.is_dir() {
                    folders.push(path.clone());
                } else if kind.is_file() {
                    held.extend(self.found_in(&std::fs::read(&path).expect("a file that can be read")));
                }
                found.extend(held.into_iter().map(|what| format!("{}: {what}", path.display())));
            }
        }
        found
    }
}

fn spellings(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(secret);
    let mut all = vec![("plain", secret.to_vec()), ("lower case", secret.to_ascii_lowercase())];
    all.push(("reversed", secret.iter().rev().copied().collect()));
    all.extend([false, true].map(|upper| ("hex", hex(secret, upper).into_bytes())));
    all.extend([false, true].map(|upper| ("URL-encoded", url_encoded(secret, upper).into_bytes())));
    let json = serde_json::to_string(&text).expect("text is JSON");
    all.push(("JSON", json.trim_matches('"').as_bytes().to_vec()));
    all.push(("JSON", json.trim_matches('"').replace('/', "\\/").into_bytes()));
    for upper in [false, true] {
        let escaped = secret.iter().map(|byte| {
            if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { escape(*byte, upper) }
        });
        all.push(("JSON", escaped.collect::<String>().into_bytes()));
    }
    // HTML, as an error page repeats a form.
    all.push(("HTML", text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").into_bytes()));
    // A byte string as Rust's Debug and JSON write it.
    all.push(("numbers", secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()));
    all.push(("numbers", secret.iter().map(u8::to_string).collect::<Vec<_>>().join(",").into_bytes()));
    for before in 0..3 {
        let shifted = [&[0; 3][..before], secret].concat();
        // Only the characters that are made of nothing else than the secret.
        let own = (8 * before).div_ceil(6)..8 * shifted.len() / 6;
        for encoded in [STANDARD.encode(&shifted), URL_SAFE.encode(&shifted)] {
            all.push(("base64", encoded.as_bytes()[own.clone()].to_vec()));
        }
    }
    all
}

fn escape(byte: u8, upper: bool) -> String {
    if upper { format!("\\u{byte:04X}") } else { format!("\\u{byte:04x}") }
}

fn hex(bytes: &[u8], upper: bool) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
        text
    })
}

fn url_encoded(bytes: &[u8], upper: bool) -> String {
    let written = bytes.iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if upper => format!("%{byte:02X}"),
        byte => format!("%{byte:02x}"),
    });
    written.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever searches and finds nothing must be somebody who would have found it.
    #[test]
    fn a_planted_leak_is_found_however_it_is_spelled() {
        let mut canaries = Canaries::new();
        let secret = canaries.hatch("token");
        let other = canaries.hatch("password");
        let planted = [
            secret.clone(),
            secret.to_ascii_lowercase(),
            hex(secret.as_bytes(), false),
            hex(secret.as_bytes(), true),
            url_encoded(secret.as_bytes(), true),
            serde_json::json!({ "deep": [secret] }).to_string(),
            secret.replace('/', "\\/"),
            secret.replace('&', "\\u0026"),
            secret.replace('&', "&amp;"),
            format!("{:?}", secret.as_bytes()),
            // Cut short, on either side.
            secret[..24].to_owned(),
            secret[10..].to_owned(),
        ];
        for leak in planted {
            let bytes = [b"\0\xff before ", leak.as_bytes(), b" after \0"].concat();
            let found = canaries.found_in(&bytes);
            assert!(matches!(&found[..], [one] if one.starts_with("token (")), "{leak}: {found:?}");
        }
        for before in ["", "a", "ab", "abc", "client:"] {
            for after in ["", "z", "yz"] {
                let text = format!("{before}{secret}{after}");
                for leak in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    assert_eq!(canaries.found_in(leak.as_bytes()), ["token (base64)"], "{text}: {leak}");
                }
            }
        }
        assert_eq!(canaries.found_in(format!("{other} and {secret}").as_bytes()).len(), 2);
        let harmless = format!("{} {}", "*".repeat(secret.len()), &secret[..8]);
        assert!(canaries.found_in(harmless.as_bytes()).is_empty(), "what is blotted out is no leak");
    }

    #[test]
    fn a_planted_leak_is_found_in_whatever_file_it_is_and_in_its_name() {
        let mut canaries = Canaries::new();
        let secret = canaries.hatch("token");
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, bytes).expect("a file");
            path
        };
        write("harmless", b"nothing");
        let rightful = write("app-secret", secret.as_bytes());
        assert!(canaries.found_below(folder.path(), std::slice::from_ref(&rightful)).is_empty());
        assert_eq!(canaries.found_below(folder.path(), &[]).len(), 1);
        write("home/broker.db-wal", &[&[7; 4096], secret.as_bytes(), &[9; 4096]].concat());
        write(&format!("tmp/{}", &secret[..16]), b"");
        let found = canaries.found_below(folder.path(), &[rightful]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("broker.db-wal"), "{found:?}");
        write(&format!("tmp/{}", hex(secret.as_bytes(), false)), b"");
        assert_eq!(canaries.found_below(folder.path(), &[]).len(), 3);
    }
}
