//! Top ten of 100,000 documents of about 60 words: our lexical search and tantivy on the same words, the same queries,
//! one thread, query by query in turn. Prints one JSON line per engine and kind of query; the times include cutting the
//! query into words. `cargo run --release -- [documents] [segments]`.

use std::time::Instant;

use hindcast_index_core::lexical::{
    DeadUnits, LexicalBlock, LexicalPart, UnitTerms, search as search_lexical,
};
use hindcast_index_core::{Passing, RowSet};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{Index, Searcher, TantivyDocument, Term};

const DEPTH: usize = 10;
const VOCABULARY: f64 = 60_000.0;
const ROUNDS: usize = 300;

/// Pseudo-random words, the `n`-th of them with a probability of about 1/n.
struct Words(u64);

impl Words {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.uniform() * (most + 1 - least) as f64) as usize
    }

    /// Letters that no stemmer takes away and no tokenizer splits at.
    fn word(&mut self) -> String {
        let mut rank = VOCABULARY.powf(self.uniform()) as usize;
        let mut word = String::from("x");
        while rank > 0 {
            word.push(b"bcfhjklmnpqrtvwz"[rank % 16] as char);
            rank /= 16;
        }
        word
    }

    fn text(&mut self, words: usize) -> String {
        (0..words)
            .map(|_| self.word())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

struct Tantivy {
    searcher: Searcher,
    field: Field,
}

impl Tantivy {
    fn new(documents: &[String]) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("whitespace")
            .set_index_option(IndexRecordOption::WithFreqs);
        let field = schema.add_text_field(
            "text",
            TextOptions::default().set_indexing_options(indexing),
        );
        let index = Index::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, 1 << 30)?;
        for document in documents {
            writer.add_document(tantivy::doc!(field => document.as_str()))?;
        }
        writer.commit()?;
        let ids = index.searchable_segment_ids()?;
        if ids.len() > 1 {
            writer.merge(&ids).wait()?;
        }
        writer.wait_merging_threads()?;
        let searcher = index.reader()?.searcher();
        Ok(Self { searcher, field })
    }

    fn search(&self, query: &str) -> tantivy::Result<Vec<f64>> {
        let mut words: Vec<&str> = query.split(' ').collect();
        words.sort_unstable();
        words.dedup();
        let terms = words.into_iter().map(|word| {
            let term = Term::from_field_text(self.field, word);
            let query: Box<dyn Query> =
                Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
            (Occur::Should, query)
        });
        let query = BooleanQuery::new(terms.collect());
        let found = self
            .searcher
            .search(&query, &TopDocs::with_limit(DEPTH).order_by_score())?;
        Ok(found
            .into_iter()
            .map(|(score, _)| f64::from(score))
            .collect())
    }
}

/// The documents dealt over blocks in turn.
fn blocks(
    documents: &[String],
    segments: usize,
) -> Result<Vec<(LexicalBlock, RowSet)>, Box<dyn std::error::Error>> {
    let mut blocks = Vec::new();
    for segment in 0..segments {
        let rows: Vec<[UnitTerms; 1]> = documents
            .iter()
            .skip(segment)
            .step_by(segments)
            .map(|text| [UnitTerms::of(text)])
            .collect();
        let block = LexicalBlock::from_rows(rows.iter().map(<[UnitTerms; 1]>::as_slice))?;
        let live = RowSet::of(block.len(), |_| true);
        blocks.push((block, live));
    }
    Ok(blocks)
}

fn print(engine: &str, query: &str, documents: usize, segments: usize, times: &mut [f64]) {
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    println!(
        "{{\"engine\":\"{engine}\",\"query\":\"{query}\",\"p50_us\":{:.1},\"p99_us\":{:.1},\"mean_us\":{mean:.1},\"docs\":{documents},\"segments\":{segments}}}",
        at(0.5),
        at(0.99)
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<usize>());
    let documents = arguments.next().transpose()?.unwrap_or(100_000);
    let segments = arguments.next().transpose()?.unwrap_or(1);
    let mut words = Words(0x9e37_79b9_7f4a_7c15);
    let texts: Vec<String> = (0..documents)
        .map(|_| {
            let count = words.between(30, 90);
            words.text(count)
        })
        .collect();
    let blocks = blocks(&texts, segments)?;
    let parts: Vec<LexicalPart<'_>> = blocks
        .iter()
        .map(|(block, live)| LexicalPart {
            block,
            live,
            is_all_live: true,
            dead: None,
            passing: Passing::All,
        })
        .collect();
    // A tenth of the rows is dead or filtered out; tantivy has no part in this.
    let most: Vec<RowSet> = blocks
        .iter()
        .map(|(block, _)| RowSet::of(block.len(), |row| row % 10 != 3))
        .collect();
    let dead: Vec<DeadUnits> = blocks
        .iter()
        .zip(&most)
        .map(|((block, _), live)| DeadUnits::of(block, live))
        .collect();
    let dead_parts: Vec<LexicalPart<'_>> = parts
        .iter()
        .zip(most.iter().zip(&dead))
        .map(|(part, (live, dead))| LexicalPart {
            live,
            is_all_live: false,
            dead: Some(dead),
            ..*part
        })
        .collect();
    let filtered_parts: Vec<LexicalPart<'_>> = parts
        .iter()
        .zip(&most)
        .map(|(part, rows)| LexicalPart {
            passing: Passing::Rows(rows),
            ..*part
        })
        .collect();
    let peer = Tantivy::new(&texts)?;
    for (kind, least, most) in [("3-6 words", 3, 6), ("60 words", 60, 60)] {
        let (mut ours, mut theirs, mut differences) = (Vec::new(), Vec::new(), 0);
        let (mut with_dead, mut with_filter) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let count = words.between(least, most);
            let query = words.text(count);
            let start = Instant::now();
            let hits = search_lexical(&query, &parts, DEPTH);
            ours.push(start.elapsed().as_secs_f64() * 1e6);
            let start = Instant::now();
            let scores = peer.search(&query)?;
            theirs.push(start.elapsed().as_secs_f64() * 1e6);
            for (parts, times) in [
                (&dead_parts, &mut with_dead),
                (&filtered_parts, &mut with_filter),
            ] {
                let start = Instant::now();
                std::hint::black_box(search_lexical(&query, parts, DEPTH));
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
            // Tantivy rounds lengths to a byte, so scores agree only roughly.
            let pairs = hits.iter().zip(&scores);
            differences += pairs
                .filter(|(hit, score)| (hit.score - **score).abs() > 0.1 * **score)
                .count();
        }
        print("hindcast", kind, documents, segments, &mut ours);
        print(
            "hindcast, a tenth dead",
            kind,
            documents,
            segments,
            &mut with_dead,
        );
        print(
            "hindcast, a tenth filtered out",
            kind,
            documents,
            segments,
            &mut with_filter,
        );
        print("tantivy", kind, documents, 1, &mut theirs);
        eprintln!(
            "{kind}: {differences} of {} scores differ by more than a tenth",
            ROUNDS * DEPTH
        );
    }
    Ok(())
}
