//! What the fuzz targets do with their input; `cargo test` runs the same with random input. Checksums would stop nearly
//! every input at the door, so each is tried as it is and once more behind checksums that are right.

use std::path::Path;

use twox_hash::XxHash3_64;

use super::manifest_file::line;
use super::segment_layout::{SEGMENT_VERSION, Section, ending, header, reseal};
use super::{MANIFEST_VERSION, Manifest, SegmentReader};

/// Reads the input as a segment, and as changes to the table and footer of a whole one.
pub fn segment_reader(input: &[u8]) {
    read_segment(input);
    let mut sealed = input.to_vec();
    reseal(&mut sealed);
    read_segment(&sealed);

    let mut changed = sample();
    for change in input.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
        changed[at] ^= change[2];
    }
    reseal(&mut changed);
    read_segment(&changed);
}

fn read_segment(bytes: &[u8]) {
    let Ok(reader) = SegmentReader::from_bytes(Path::new("fuzz.segment"), bytes) else {
        return;
    };
    let mut total = 0;
    for name in reader.names() {
        let (Ok(section), Ok(copy)) = (reader.section(name), reader.owned(name)) else {
            unreachable!("a verified section {name:?} is not readable");
        };
        assert_eq!(*section, *copy);
        total += section.len();
        let values = section.as_pods::<u64>();
        assert_eq!(values.is_ok(), section.len().is_multiple_of(8));
    }
    assert!(total < bytes.len());
}

/// Reads the input as a manifest, and as the JSON of one.
pub fn manifest(input: &[u8]) {
    read_manifest(input);
    for version in 1..=MANIFEST_VERSION {
        read_manifest(&[line(version, input).as_bytes(), input].concat());
    }
}

fn read_manifest(bytes: &[u8]) {
    let path = Path::new("MANIFEST");
    if let Ok(manifest) = Manifest::decode(path, bytes) {
        let again = manifest
            .encode()
            .and_then(|bytes| Manifest::decode(path, &bytes));
        assert_eq!(again, Ok(manifest));
    }
}

/// Sections of several lengths, one of them empty.
fn sample() -> Vec<u8> {
    let mut bytes = header(SEGMENT_VERSION).to_vec();
    let mut sections = Vec::new();
    for (name, content) in [("ids", &b"abc"[..]), ("none", b""), ("rows", &[7; 130])] {
        sections.push(Section {
            name: name.into(),
            offset: bytes.len(),
            length: content.len(),
            checksum: XxHash3_64::oneshot(content),
        });
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(64), 0);
    }
    let (ending, _) = ending(&sections, bytes.len());
    [bytes, ending].concat()
}
