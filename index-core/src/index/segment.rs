//! An immutable set of rows. Rows stand in the order of their insertion.

use std::hash::Hasher;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use twox_hash::XxHash3_64;

use crate::error::IndexError;
use crate::filter::{ColumnTable, Filter, FilterCache, Schema};
use crate::index::jagged::{Jagged, Pods};
use crate::index::prepared::PreparedRow;
use crate::index::text_part::TextPart;
use crate::row_set::RowSet;
use crate::storage::{FileEntry, SegmentReader, SegmentWriter, Verify};
use crate::text::StableHash64;
use crate::vector::VectorBlock;
use crate::vector_storage::VectorStorage;

/// What all segments of an index have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) schema: Schema,
    /// Of each field's vectors.
    pub(crate) dimensions: Vec<usize>,
    pub(crate) storage: VectorStorage,
    pub(crate) has_text: bool,
}

pub(crate) struct Segment {
    /// Number of each row among all that were ever inserted into the shard, ascending.
    pub(crate) ordinals: Pods<u32>,
    ids: Jagged<u8>,
    /// Hashes of the ids, sorted, and the row of each.
    id_hashes: Pods<u64>,
    id_rows: Pods<u32>,
    pub(crate) columns: ColumnTable,
    filters: FilterCache,
    fingerprint: OnceLock<u64>,
    /// Per field.
    pub(crate) vectors: Vec<VectorBlock>,
    pub(crate) text: Option<TextPart>,
}

impl Segment {
    /// Rows with their numbers, which ascend.
    pub(crate) fn from_rows(
        layout: &Layout,
        ordinals: &[u32],
        rows: &[&PreparedRow],
    ) -> Result<Self, IndexError> {
        let columns: Vec<_> = rows.iter().map(|row| &row.columns).collect();
        let block = |field: usize, dimensions: usize| {
            VectorBlock::from_rows(
                dimensions,
                layout.storage,
                rows.iter().map(|row| row.vectors[field].as_deref()),
            )
        };
        let vectors = layout.dimensions.iter().enumerate();
        let texts: Option<Vec<_>> = rows.iter().map(|row| row.text.as_ref()).collect();
        let (id_hashes, id_rows) = id_table(rows.iter().map(|row| row.id.as_str()));
        Ok(Self {
            ordinals: Pods::from_vec(ordinals.to_vec()),
            ids: Jagged::from_rows(rows.iter().map(|row| row.id.as_bytes())),
            id_hashes,
            id_rows,
            columns: ColumnTable::from_rows(&layout.schema, &columns),
            filters: FilterCache::default(),
            fingerprint: OnceLock::new(),
            vectors: vectors
                .map(|(field, dimensions)| block(field, *dimensions))
                .collect::<Result<_, _>>()?,
            text: texts
                .filter(|_| layout.has_text)
                .map(|texts| TextPart::from_rows(&texts))
                .transpose()?,
        })
    }

    /// The listed rows of each segment, in order.
    pub(crate) fn concat(layout: &Layout, parts: &[(&Self, &[u32])]) -> Result<Self, IndexError> {
        let rows = || {
            parts
                .iter()
                .flat_map(|(part, rows)| rows.iter().map(move |row| (*part, *row)))
        };
        let columns: Vec<_> = parts
            .iter()
            .map(|(part, rows)| (&part.columns, *rows))
            .collect();
        let block = |field: usize, dimensions: usize| {
            let blocks: Vec<_> = parts
                .iter()
                .map(|(part, rows)| (&part.vectors[field], *rows))
                .collect();
            VectorBlock::concat(dimensions, layout.storage, &blocks)
        };
        let texts: Option<Vec<_>> = parts
            .iter()
            .map(|(part, rows)| part.text.as_ref().map(|text| (text, *rows)))
            .collect();
        let (id_hashes, id_rows) = id_table(rows().map(|(part, row)| part.id(row)));
        Ok(Self {
            ordinals: Pods::from_vec(
                rows()
                    .map(|(part, row)| part.ordinals[row as usize])
                    .collect(),
            ),
            ids: Jagged::from_rows(rows().map(|(part, row)| part.ids.row(row as usize))),
            id_hashes,
            id_rows,
            columns: ColumnTable::concat(&layout.schema, &columns),
            filters: FilterCache::default(),
            fingerprint: OnceLock::new(),
            vectors: (0..)
                .zip(&layout.dimensions)
                .map(|(field, dimensions)| block(field, *dimensions))
                .collect(),
            text: texts
                .filter(|_| layout.has_text)
                .map(|texts| TextPart::concat(&texts))
                .transpose()?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ordinals.len()
    }

    pub(crate) fn id(&self, row: u32) -> &str {
        self.ids.text(row as usize)
    }

    /// Rows with this id: several when one replaced another within the segment.
    pub(crate) fn rows_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = u32> + 'a {
        let hash = hash_of(id);
        let from = self.id_hashes.partition_point(|known| *known < hash);
        (from..self.id_hashes.len())
            .take_while(move |at| self.id_hashes[*at] == hash)
            .map(|at| self.id_rows[at])
            .filter(move |row| self.id(*row) == id)
    }

    pub(crate) fn row_of_ordinal(&self, ordinal: u32) -> Option<u32> {
        let at = self.ordinals.binary_search(&ordinal).ok()?;
        u32::try_from(at).ok()
    }

    /// Ordinals of the first row and the last; `None` without rows.
    pub(crate) fn span(&self) -> Option<(u32, u32)> {
        Some((*self.ordinals.first()?, *self.ordinals.last()?))
    }

    /// Of its rows and graphs: equal where two segments, also of different processes, are searched alike.
    pub(crate) fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| {
            let mut hasher = XxHash3_64::new();
            hasher.write(bytemuck::cast_slice(&self.ordinals));
            hasher.write(bytemuck::cast_slice(&self.id_hashes));
            for graph in self.vectors.iter().filter_map(VectorBlock::graph) {
                hasher.write(graph.links());
            }
            hasher.finish()
        })
    }

    pub(crate) fn has_graph(&self) -> bool {
        self.vectors.iter().any(|block| block.graph().is_some())
    }

    /// Rows that meet a filter, dead ones included.
    pub(crate) fn filtered(
        &self,
        schema: &Schema,
        filter: &Filter,
        key: &Arc<str>,
    ) -> Result<Arc<RowSet>, IndexError> {
        self.filters
            .get(key, || filter.rows(schema, &self.columns, self.len()))
    }

    pub(crate) fn write(&self, folder: &Path, name: &str) -> Result<FileEntry, IndexError> {
        let mut writer = SegmentWriter::create(folder, name)?;
        self.ordinals.write(&mut writer, "ordinals")?;
        self.ids.write(&mut writer, "ids")?;
        self.id_hashes.write(&mut writer, "ids.hashes")?;
        self.id_rows.write(&mut writer, "ids.rows")?;
        self.columns.write(&mut writer)?;
        for (field, block) in self.vectors.iter().enumerate() {
            for (name, bytes) in block.to_sections() {
                writer.add(&format!("vector.{field}.{name}"), &bytes)?;
            }
        }
        if let Some(text) = &self.text {
            text.write(&mut writer)?;
        }
        writer.finish()
    }

    /// # Errors
    /// `INDEX_CORRUPT` for a file that is damaged or does not have this layout.
    pub(crate) fn read(
        layout: &Layout,
        folder: &Path,
        entry: &FileEntry,
        verify: Verify,
    ) -> Result<Self, IndexError> {
        let reader = SegmentReader::open(folder, entry, verify)?;
        let ordinals = Pods::<u32>::read(&reader, "ordinals", None)?;
        let len = ordinals.len();
        let block = |(field, dimensions): (usize, &usize)| {
            let section = |name: &str| {
                let name = format!("vector.{field}.{name}");
                let bytes = reader.has(&name).then(|| reader.section(&name));
                bytes.transpose()
            };
            let block = VectorBlock::from_sections(*dimensions, layout.storage, len, section)?;
            if block.len() == len && block.dimensions() == *dimensions {
                return Ok(block);
            }
            Err(corrupt(entry, "has vectors of another number or size"))
        };
        let segment = Self {
            ids: Jagged::read(&reader, "ids", Some(len))?,
            id_hashes: Pods::read(&reader, "ids.hashes", Some(len))?,
            id_rows: Pods::read(&reader, "ids.rows", Some(len))?,
            columns: ColumnTable::read(&layout.schema, &reader, len)?,
            filters: FilterCache::default(),
            fingerprint: OnceLock::new(),
            vectors: layout
                .dimensions
                .iter()
                .enumerate()
                .map(block)
                .collect::<Result<_, _>>()?,
            text: layout
                .has_text
                .then(|| TextPart::read(&reader, len))
                .transpose()?,
            ordinals,
        };
        if segment.ordinals.windows(2).any(|pair| pair[0] >= pair[1])
            || segment.id_hashes.windows(2).any(|pair| pair[0] > pair[1])
            || segment.id_rows.iter().any(|row| *row as usize >= len)
        {
            return Err(corrupt(entry, "has ids or ordinals that are not sorted"));
        }
        Ok(segment)
    }
}

fn corrupt(entry: &FileEntry, what: &str) -> IndexError {
    IndexError::Corrupt(format!("segment {} {what}", entry.name))
}

fn hash_of(id: &str) -> u64 {
    StableHash64::new().write(id.as_bytes()).finish()
}

fn id_table<'a>(ids: impl Iterator<Item = &'a str>) -> (Pods<u64>, Pods<u32>) {
    let mut table: Vec<(u64, u32)> = ids.map(hash_of).zip(0..).collect();
    table.sort_unstable();
    (
        Pods::from_vec(table.iter().map(|entry| entry.0).collect()),
        Pods::from_vec(table.iter().map(|entry| entry.1).collect()),
    )
}
