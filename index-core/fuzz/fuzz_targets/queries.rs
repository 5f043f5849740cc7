#![no_main]

#[path = "../bodies/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses a part")]
mod bodies;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bodies::queries(input));
