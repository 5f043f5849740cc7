#![no_main]

use hindcast_index_core::storage::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fuzzing::manifest(input));
