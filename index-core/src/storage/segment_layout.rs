//! The layout of a segment file. All numbers little-endian.
//!
//! ```text
//! header   64 bytes  magic (8), version (4), zeros (4), xxh3 of the 16 bytes before (8), zeros
//! section  each at the next multiple of 64, zeros between
//! table    at the next multiple of 64; per section: name's length (2), name, offset (8), length (8), xxh3 (8)
//! footer   64 bytes behind the table: table's offset (8) and length (8), sections (8), file's length (8), zeros (16),
//!          seal (8), end magic (8)
//! ```
//! The seal is the xxh3 of header, table and the footer before it. The table holds the checksums of the sections and
//! everything between them is zero, so the seal stands for the whole file, and a file can be told from another without
//! reading its sections. Header and its checksum keep their form in later versions, so that damage is never mistaken
//! for a newer file.

use twox_hash::XxHash3_64;

use super::bytes::ALIGNMENT;

/// The version that is written, and the newest that is read.
pub const SEGMENT_VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 64;
pub(super) const FOOTER_BYTES: usize = 64;
/// The high byte and the line ends catch a transfer as text.
pub(super) const MAGIC: [u8; 8] = *b"\x89HCSEG\r\n";
const END_MAGIC: [u8; 8] = *b"HCSEGEND";
pub(super) const SECTION_NAME_BYTES_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) checksum: u64,
}

pub(super) struct Layout {
    pub(super) sections: Vec<Section>,
    pub(super) seal: u64,
    /// Where the zeros behind the last section end.
    pub(super) table_offset: usize,
}

pub(super) enum LayoutFault {
    Newer(u32),
    Damaged(String),
}

impl From<&str> for LayoutFault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.into())
    }
}

pub(super) fn aligned(offset: usize) -> Option<usize> {
    offset.checked_next_multiple_of(ALIGNMENT)
}

pub(super) fn is_section_name(name: &str) -> bool {
    (1..=SECTION_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn header(version: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let checksum = XxHash3_64::oneshot(&bytes[..16]);
    bytes[16..24].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Table and footer of a file whose sections end at `table_offset`, and the seal.
pub(super) fn ending(sections: &[Section], table_offset: usize) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    for section in sections {
        bytes.extend_from_slice(&(section.name.len() as u64).to_le_bytes()[..2]);
        bytes.extend_from_slice(section.name.as_bytes());
        bytes.extend_from_slice(&(section.offset as u64).to_le_bytes());
        bytes.extend_from_slice(&(section.length as u64).to_le_bytes());
        bytes.extend_from_slice(&section.checksum.to_le_bytes());
    }
    let table_length = bytes.len();
    let file_length = table_offset + table_length + FOOTER_BYTES;
    for number in [table_offset, table_length, sections.len(), file_length] {
        bytes.extend_from_slice(&(number as u64).to_le_bytes());
    }
    bytes.extend_from_slice(&[0; 16]);
    let seal = seal_of(&header(SEGMENT_VERSION), &bytes);
    bytes.extend_from_slice(&seal.to_le_bytes());
    bytes.extend_from_slice(&END_MAGIC);
    (bytes, seal)
}

/// Reads header, table and footer and checks that they describe every byte of the file.
pub(super) fn parse(file: &[u8]) -> Result<Layout, LayoutFault> {
    check_header(file)?;
    if file.len() < HEADER_BYTES + FOOTER_BYTES {
        return Err("it is cut off within its header".into());
    }
    let (body, footer) = file.split_at(file.len() - FOOTER_BYTES);
    if footer[56..] != END_MAGIC {
        return Err("it does not end as a segment, so it was cut off or overwritten".into());
    }
    let table_offset = number(footer, 0)?;
    let table = usize::checked_sub(body.len(), number(footer, 8)?)
        .filter(|start| *start == table_offset && *start >= HEADER_BYTES)
        .map(|start| &body[start..])
        .ok_or("its footer points to no table")?;
    if number(footer, 24)? != file.len() {
        return Err("its length is not the one that was written".into());
    }
    let seal = checksum_at(footer, 48)?;
    if seal != seal_of(&file[..HEADER_BYTES], &file[table_offset..file.len() - 16]) {
        return Err("the checksum of its table of sections is wrong".into());
    }
    if footer[32..48].iter().any(|byte| *byte != 0) {
        return Err("its footer holds what this version does not know".into());
    }
    let sections = read_table(table, number(footer, 16)?, table_offset)?;
    Ok(Layout {
        sections,
        seal,
        table_offset,
    })
}

fn check_header(file: &[u8]) -> Result<(), LayoutFault> {
    if !file.starts_with(&MAGIC) {
        return Err("it does not begin as a segment of an index".into());
    }
    let version = file
        .get(8..12)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or("it is cut off within its header")?;
    let checksum = checksum_at(file, 16)?;
    if checksum != XxHash3_64::oneshot(&file[..16]) {
        return Err("the checksum of its header is wrong".into());
    }
    if version > SEGMENT_VERSION {
        return Err(LayoutFault::Newer(version));
    }
    if file.get(..HEADER_BYTES) != Some(&header(SEGMENT_VERSION)) {
        return Err("its header holds what this version does not know".into());
    }
    Ok(())
}

/// Sections must follow one another in order, so that none overlaps another and none points outside.
fn read_table(
    mut table: &[u8],
    count: usize,
    table_offset: usize,
) -> Result<Vec<Section>, LayoutFault> {
    let mut sections: Vec<Section> = Vec::new();
    let mut end = HEADER_BYTES;
    while !table.is_empty() {
        let (length, rest) = table.split_at_checked(2).ok_or("its table is cut off")?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let (entry, rest) = rest
            .split_at_checked(length + 24)
            .ok_or("its table is cut off")?;
        let name = std::str::from_utf8(&entry[..length]).unwrap_or_default();
        let section = Section {
            name: name.to_owned(),
            offset: number(entry, length)?,
            length: number(entry, length + 8)?,
            checksum: checksum_at(entry, length + 16)?,
        };
        let is_repeated = sections.iter().any(|other| other.name == section.name);
        if !is_section_name(name) || is_repeated || aligned(end) != Some(section.offset) {
            return Err("its table of sections contradicts itself".into());
        }
        end = section
            .offset
            .checked_add(section.length)
            .filter(|end| *end <= table_offset)
            .ok_or("a section ends outside of the file")?;
        sections.push(section);
        table = rest;
    }
    if sections.len() != count || aligned(end) != Some(table_offset) {
        return Err("its table of sections contradicts its footer".into());
    }
    Ok(sections)
}

/// Puts right checksums, lengths and magics over whatever a test has made of the rest.
#[cfg(any(test, fuzzing))]
pub(super) fn reseal(file: &mut [u8]) {
    let length = file.len();
    if length < HEADER_BYTES + FOOTER_BYTES {
        return;
    }
    file[..HEADER_BYTES].copy_from_slice(&header(SEGMENT_VERSION));
    file[length - 40..length - 32].copy_from_slice(&(length as u64).to_le_bytes());
    file[length - 8..].copy_from_slice(&END_MAGIC);
    let table = number(file, length - FOOTER_BYTES).unwrap_or(usize::MAX);
    if let Some(sealed) = file.get(table..length - 16) {
        let seal = seal_of(&file[..HEADER_BYTES], sealed);
        file[length - 16..length - 8].copy_from_slice(&seal.to_le_bytes());
    }
}

fn seal_of(header: &[u8], ending: &[u8]) -> u64 {
    let mut hasher = XxHash3_64::new();
    std::hash::Hasher::write(&mut hasher, header);
    std::hash::Hasher::write(&mut hasher, ending);
    std::hash::Hasher::finish(&hasher)
}

fn checksum_at(bytes: &[u8], at: usize) -> Result<u64, LayoutFault> {
    bytes
        .get(at..at + 8)
        .and_then(|slice| slice.try_into().ok())
        .map(u64::from_le_bytes)
        .ok_or_else(|| "it is cut off".into())
}

fn number(bytes: &[u8], at: usize) -> Result<usize, LayoutFault> {
    usize::try_from(checksum_at(bytes, at)?).map_err(|_| "it holds a number out of range".into())
}
