//! wrk (<https://github.com/wg/wrk>), which takes little of the machine itself.

use std::process::Command;

/// Connections that stay open.
const CONNECTIONS: &str = "32";

/// Whether it is there; said loudly where it is not.
pub fn is_there() -> bool {
    let there = Command::new("wrk").arg("--version").output().is_ok();
    if !there {
        println!("MISSING: wrk, so nothing is measured by it (apt-get install wrk)");
    }
    there
}

/// One request, made again and again.
#[derive(Clone)]
pub struct Load {
    pub url: String,
    /// Sent by POST, with this token.
    pub post: Option<(String, String)>,
}

impl Load {
    /// Requests a second over so many seconds. All are answered well.
    pub fn run(&self, seconds: u32) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("load.lua");
        let mut command = Command::new("wrk");
        command.args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")]);
        if let Some((token, body)) = &self.post {
            let text = format!(
                "wrk.method = \"POST\"\nwrk.headers[\"authorization\"] = \"Bearer {token}\"\n\
                 wrk.headers[\"content-type\"] = \"application/json\"\nwrk.body = [==[{body}]==]\n"
            );
            std::fs::write(&script, text).unwrap();
            command.arg("-s").arg(&script);
        }
        let output = command.arg(&self.url).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains("Non-2xx"), "{said}");
        let line = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap_or_else(|| panic!("{said}"));
        line.trim().parse().unwrap()
    }
}

/// Requests a second of each, in turns: the medians.
pub fn in_turns<const N: usize>(rounds: usize, seconds: u32, loads: [&Load; N]) -> [f64; N] {
    let mut measured = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (load, measured) in loads.iter().zip(&mut measured) {
            measured.push(load.run(seconds));
        }
    }
    measured.map(|mut measured| {
        measured.sort_by(f64::total_cmp);
        measured[measured.len() / 2]
    })
}
