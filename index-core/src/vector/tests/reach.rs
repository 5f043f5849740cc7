//! How far a walk reaches beyond the rows that are kept out.

use super::*;

#[test]
fn a_walk_around_what_is_kept_out_finds_what_lies_behind() {
    let rows = clustered(3_000, 32);
    let block = with_graph(block_of(32, &rows));
    // Recall, and the fewest rows that one of the walks looked at. At ef = k the 8-bit codes would decide what is kept.
    let measure = |wide: usize| {
        let (mut found, mut wanted, mut visits) = (0, 0, usize::MAX);
        for query in (0..100).map(|query| block.vector(query * 29)) {
            let query = QueryVector::new(&query, 32).unwrap();
            let (nearest, _) = block.search_exact(&query, 50, Passing::All, None);
            let out: Vec<u32> = nearest.iter().map(|hit| hit.row).collect();
            let passing = RowSet::of(3_000, |row| !out.contains(&row));
            let (exact, _) = block.search_exact(&query, 10, Passing::Rows(&passing), None);
            let breadth = Breadth { ef: 20, wide };
            let walked =
                block.search_graph(&query, 10, breadth, Passing::Rows(&passing), usize::MAX);
            let (near, visited) = walked.unwrap();
            assert!(near.iter().all(|hit| passing.contains(hit.row)));
            visits = visits.min(visited.rows);
            wanted += exact.len();
            found += exact.iter().filter(|hit| near.contains(hit)).count();
        }
        let share = f64::from(u32::try_from(found).unwrap());
        (share / f64::from(u32::try_from(wanted).unwrap()), visits)
    };
    let ((narrow, few), (wide, many)) = (measure(0), measure(600));
    assert!(few < 600 && many >= 600, "{few} {many}");
    assert!(wide >= 0.99 && wide >= narrow, "{narrow} {wide}");
}
