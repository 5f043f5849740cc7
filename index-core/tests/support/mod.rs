//! Demonstrations that are the same in every run.
#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod log;

use hindcast_index_core::{
    Answer, Demonstration, DemonstrationIndex, Explanation, IndexOptions, Query, ShardOptions,
    VectorStorage,
};

const WORDS: [&str; 12] = [
    "git",
    "tag",
    "commit",
    "branch",
    "create",
    "remove",
    "file",
    "folder",
    "log",
    "README.md",
    "install",
    "version",
];

/// A pseudo-random text that is the same in every run.
pub(crate) fn text(seed: usize, length: usize) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let word = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!(
            "{}{}",
            WORDS[(state >> 40) % WORDS.len()],
            (state >> 50) % 40
        )
    };
    (0..length).map(word).collect::<Vec<_>>().join(" ")
}

pub(crate) fn demonstration(id: usize, version: usize) -> Demonstration {
    let seed = id * 31 + version;
    Demonstration {
        id: format!("demo-{id}"),
        environment: "shell".into(),
        campaign: "c-1".into(),
        document: format!("doc-{}", id % 10),
        task: format!("task-{id}"),
        episode: format!("ep-{}", seed % 50),
        kind: "new-task".into(),
        replay: "verified".into(),
        models: vec!["offline:rules".into()],
        instruction: text(seed, 6),
        actions: vec![format!("echo {}", seed % 20)],
        observations: vec![text(seed % 17, 5), text(seed, 8)],
        summaries: vec![text(seed + 7, 5)],
        utility: 0.5,
        tokens: vec![100],
        payload: format!("{id}/{version}"),
        ..Demonstration::default()
    }
}

pub(crate) fn query(seed: usize) -> Query {
    Query {
        environment: "shell".into(),
        observation: Some(text(seed % 17, 5)),
        query: Some(text(seed, 4)),
        observation_based: 5,
        model_based: 5,
        per_trajectory_max: 2,
        token_budget: 100_000,
        ..Query::default()
    }
}

pub(crate) fn answers(index: &DemonstrationIndex) -> Vec<Answer> {
    (0..20)
        .map(|seed| seen(index.search(&query(seed)).unwrap()))
        .collect()
}

/// An answer without how it came about, which may differ.
pub(crate) fn seen(answer: Answer) -> Answer {
    Answer {
        explanation: Explanation::default(),
        epoch: 0,
        ..answer
    }
}

/// Searched exactly, in memory.
pub(crate) fn exact_index() -> DemonstrationIndex {
    exact_index_as(VectorStorage::F32)
}

pub(crate) fn exact_index_as(storage: VectorStorage) -> DemonstrationIndex {
    let options = IndexOptions {
        storage,
        ..IndexOptions::default()
    };
    DemonstrationIndex::open(None, options).unwrap()
}

/// With graphs from so many rows on.
pub(crate) fn graph_index(graph_rows_min: usize) -> DemonstrationIndex {
    let options = IndexOptions {
        shard: ShardOptions { graph_rows_min },
        ..IndexOptions::default()
    };
    DemonstrationIndex::open(None, options).unwrap()
}

pub(crate) fn recall(found: &[Answer], exact: &[Answer]) -> f64 {
    let ids = |answer: &Answer| {
        answer
            .hits
            .iter()
            .map(|hit| hit.id.clone())
            .collect::<Vec<_>>()
    };
    let (mut same, mut all) = (0_u32, 0_u32);
    for (found, exact) in found.iter().zip(exact) {
        all += u32::try_from(exact.hits.len()).unwrap();
        same += u32::try_from(
            ids(exact)
                .iter()
                .filter(|id| ids(found).contains(id))
                .count(),
        )
        .unwrap();
    }
    f64::from(same) / f64::from(all)
}
