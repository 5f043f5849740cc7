//! Times and recall of one block on clustered data, to tune by:
//! `cargo run --release --example vector_bench -- [rows] [dimensions] [noise] [nonzero] [storage]`.
//! `noise` is the length of what is added to a centre of length one, `nonzero` the share of dimensions that are not zero,
//! `storage` f32 or bf16.
#![expect(clippy::print_stdout, reason = "a bench prints")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use std::time::Instant;

use hindcast_index_core::{
    IndexError, Passing, RowSet, VectorStorage,
    vector::{GraphOptions, QueryVector, Scored, VectorBlock, Visited},
};

const K: usize = 10;
const QUERIES: usize = 300;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// Nearly normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.uniform()).sum::<f32>() * 1.732 - 3.464
    }

    fn vector(&mut self, dimensions: usize, nonzero: f32) -> Vec<f32> {
        (0..dimensions)
            .map(|_| {
                if self.uniform() < nonzero {
                    self.normal()
                } else {
                    0.0
                }
            })
            .collect()
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt()
        .max(1e-9);
    for value in &mut vector {
        *value /= norm;
    }
    vector
}

fn main() -> Result<(), IndexError> {
    let argument = |at: usize, default: f32| {
        std::env::args()
            .nth(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (rows, dimensions) = (argument(1, 100_000.0) as usize, argument(2, 384.0) as usize);
    let (noise, nonzero) = (argument(3, 0.8), argument(4, 1.0));
    let storage = std::env::args()
        .nth(5)
        .and_then(|name| VectorStorage::of_name(&name))
        .unwrap_or_default();
    let random = &mut Random(0x9E37_79B9_7F4A_7C15);
    let centres: Vec<Vec<f32>> = (0..(rows / 50).max(1))
        .map(|_| unit(random.vector(dimensions, nonzero)))
        .collect();
    let mut near = || {
        let centre = &centres[random.next() as usize % centres.len()];
        let offset = unit(random.vector(dimensions, nonzero));
        unit(
            centre
                .iter()
                .zip(&offset)
                .map(|(centre, offset)| centre + noise * offset)
                .collect(),
        )
    };
    let vectors: Vec<Vec<f32>> = (0..rows).map(|_| near()).collect();
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| near()).collect();
    let started = Instant::now();
    let block = VectorBlock::from_rows(
        dimensions,
        storage,
        vectors.iter().map(|row| Some(row.as_slice())),
    )?;
    println!("quantised in {:.2?}", started.elapsed());
    let queries: Vec<QueryVector> = queries
        .iter()
        .map(|query| QueryVector::new(query, dimensions))
        .collect::<Result<_, _>>()?;
    let passing = |share: f32| {
        let mut random = Random(77);
        let flags: Vec<bool> = (0..rows).map(|_| random.uniform() < share).collect();
        RowSet::of(rows, |row| flags[row as usize])
    };
    let shares = [0.5, 0.1, 0.01, 0.001].map(|share| (share, passing(share)));
    let exact_all = time("exact, all", &queries, |query| {
        block.search_exact(query, K, Passing::All, None)
    });
    let mut truths = Vec::new();
    for (share, set) in &shares {
        let label = format!("exact, {} %", share * 100.0);
        truths.push(time(&label, &queries, |query| {
            block.search_exact(query, K, Passing::Rows(set), None)
        }));
    }
    if rows > 300_000 {
        return Ok(());
    }
    let started = Instant::now();
    let Some((graph, report)) = block.build_graph(GraphOptions::default(), &|| true)? else {
        return Ok(());
    };
    println!("graph in {:.2?}: {report:?}", started.elapsed());
    let block = block.with_graph(graph);
    for ef in [32, 64, 128] {
        let found = time(&format!("graph, ef {ef}"), &queries, |query| {
            block
                .search_graph(query, K, ef, Passing::All, usize::MAX)
                .unwrap_or_default()
        });
        println!("    recall {:.4}", recall(&exact_all, &found));
    }
    for ((share, set), truth) in shares.iter().zip(&truths) {
        let found = time(
            &format!("graph, ef 64, {} %", share * 100.0),
            &queries,
            |query| {
                block
                    .search_graph(query, K, 64, Passing::Rows(set), 20_000)
                    .unwrap_or_default()
            },
        );
        println!("    recall {:.4}", recall(truth, &found));
    }
    Ok(())
}

fn time(
    label: &str,
    queries: &[QueryVector],
    search: impl Fn(&QueryVector) -> (Vec<Scored>, Visited),
) -> Vec<Vec<Scored>> {
    let mut times = Vec::new();
    let (mut answers, mut visited) = (Vec::new(), Visited::default());
    for query in queries.iter().take(20).chain(queries) {
        let started = Instant::now();
        let (scored, looked_at) = search(query);
        times.push(started.elapsed());
        visited.rows += looked_at.rows;
        visited.again += looked_at.again;
        visited.scored += looked_at.scored;
        answers.push(scored);
    }
    times.drain(..20);
    answers.drain(..20);
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let [rows, again, scored] =
        [visited.rows, visited.again, visited.scored].map(|rows| rows / (queries.len() + 20));
    println!(
        "{label}: p50 {p50:.1?}, p99 {p99:.1?}; {rows} rows, {again} in 8 bits as well, {scored} scored"
    );
    answers
}

fn recall(truth: &[Vec<Scored>], found: &[Vec<Scored>]) -> f64 {
    let mut hits = 0;
    let mut wanted = 0;
    for (truth, found) in truth.iter().zip(found) {
        let truth = &truth[..K.min(truth.len())];
        wanted += truth.len();
        hits += truth
            .iter()
            .filter(|hit| found.iter().any(|other| other.row == hit.row))
            .count();
    }
    hits as f64 / wanted.max(1) as f64
}
