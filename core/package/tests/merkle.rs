//! The tree against an implementation of somebody else's, over random trees; and tiles against the tree.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;

use ct_merkle::{ConsistencyProof, InclusionProof, mem_backed_tree::MemoryBackedTree};
use jackfield_package::log::{
    merkle::{self, Hash, Node, leaf_hash, node_hash},
    tile::{Edge, Tile, Tiles, to_bytes},
};
use proptest::prelude::*;
use sha2::Sha256;

fn entry(seed: u64, index: u64) -> Vec<u8> {
    format!("{seed} {index}").into_bytes()
}

fn theirs(seed: u64, size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(entry(seed, index)));
    tree
}

/// All of a tree's nodes, by the definition.
fn node(seed: u64, wanted: Node) -> Hash {
    match wanted.level {
        0 => leaf_hash(&entry(seed, wanted.index)),
        level => {
            let child = |index| node(seed, Node { level: level - 1, index });
            node_hash(&child(wanted.index * 2), &child(wanted.index * 2 + 1))
        }
    }
}

fn flat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn roots_and_proofs_are_theirs(seed: u64, size in 1_u64..600, at in any::<prop::sample::Index>(), from in any::<prop::sample::Index>()) {
        let tree = theirs(seed, size);
        let read = |wanted| Ok(node(seed, wanted));
        let root = merkle::root(size, read).unwrap();
        let theirs_root = tree.root();
        prop_assert_eq!(&root.0[..], theirs_root.as_bytes().as_slice());

        let index = at.index(size as usize) as u64;
        let ours = merkle::prove_inclusion(index, size, read).unwrap();
        let proof = tree.prove_inclusion(index as usize);
        prop_assert_eq!(flat(&ours), proof.as_bytes());
        let leaf = leaf_hash(&entry(seed, index));
        prop_assert!(merkle::verify_inclusion(&leaf, index, size, &ours, &root).is_ok());
        let parsed = InclusionProof::<Sha256>::try_from_bytes(flat(&ours)).unwrap();
        prop_assert!(tree.root().verify_inclusion(&entry(seed, index), index, &parsed).is_ok());

        let from = from.index(size as usize) as u64 + 1;
        let old = merkle::root(from, read).unwrap();
        let ours = merkle::prove_consistency(from, size, read).unwrap();
        let proof = tree.prove_consistency((size - from) as usize);
        prop_assert_eq!(flat(&ours), proof.as_bytes());
        prop_assert!(merkle::verify_consistency(from, &old, size, &root, &ours).is_ok());
        let parsed = ConsistencyProof::<Sha256>::try_from_bytes(flat(&ours)).unwrap();
        prop_assert!(tree.root().verify_consistency(&theirs(seed, from).root(), &parsed).is_ok());
    }

    #[test]
    fn a_changed_proof_holds_no_longer(seed: u64, size in 2_u64..300, at in any::<prop::sample::Index>(), bit in 0_usize..256, which in any::<prop::sample::Index>()) {
        let read = |wanted| Ok(node(seed, wanted));
        let root = merkle::root(size, read).unwrap();
        let index = at.index(size as usize) as u64;
        let leaf = leaf_hash(&entry(seed, index));
        let good = merkle::prove_inclusion(index, size, read).unwrap();
        let changed = |proof: &[Hash]| {
            let mut proof = proof.to_vec();
            let place = which.index(proof.len());
            proof[place].0[bit / 8] ^= 1 << (bit % 8);
            proof
        };
        prop_assert!(merkle::verify_inclusion(&leaf, index, size, &changed(&good), &root).is_err());
        prop_assert!(merkle::verify_inclusion(&leaf, index, size, &good[1..], &root).is_err());
        prop_assert!(merkle::verify_inclusion(&leaf, index, size, &[good.clone(), vec![root]].concat(), &root).is_err());
        prop_assert!(merkle::verify_inclusion(&leaf, (index + 1) % size, size, &good, &root).is_err());
        prop_assert!(merkle::verify_inclusion(&leaf, size, size, &good, &root).is_err());

        let from = index.max(1);
        let old = merkle::root(from, read).unwrap();
        let good = merkle::prove_consistency(from, size, read).unwrap();
        prop_assert!(merkle::verify_consistency(from, &old, size, &root, &good).is_ok());
        prop_assert!(merkle::verify_consistency(from, &old, size, &root, &changed(&good)).is_err());
        prop_assert!(merkle::verify_consistency(from, &old, size, &root, &good[1..]).is_err());
        prop_assert!(merkle::verify_consistency(from, &root, size, &root, &good).is_err());
        prop_assert_eq!(merkle::verify_consistency(size, &root, from, &old, &good).unwrap_err().code, "log-rollback");
    }
}

/// Appended in batches, read back from tiles alone, at sizes around every border.
#[test]
fn tiles_hold_the_tree() {
    let mut edge = Edge::empty();
    let mut stored: BTreeMap<Tile, Vec<u8>> = BTreeMap::new();
    let sizes = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 66_000];
    let mut roots = Vec::new();
    for size in sizes {
        while edge.size() < size {
            let hash = leaf_hash(&entry(1, edge.size()));
            edge.push(hash, |tile, hashes| {
                stored.insert(tile, to_bytes(hashes));
            });
        }
        stored.extend(edge.partial());
        roots.push(edge.root());
        let again = Edge::read(size, |tile| Ok(stored[&tile].clone())).unwrap();
        assert_eq!((again.size(), again.root()), (size, edge.root()));
    }
    assert_eq!(roots[0], merkle::empty_root());

    let size = 66_000;
    let tiles_for = |nodes: &[Node]| {
        let mut tiles = Tiles::new(size);
        for tile in tiles.needed(nodes) {
            tiles.insert(tile, &stored[&tile]).unwrap();
        }
        tiles
    };
    for index in [0, 1, 255, 256, 65_535, 65_536, 65_999] {
        let tiles = tiles_for(&merkle::inclusion_nodes(index, size));
        let proof = merkle::prove_inclusion(index, size, |node| tiles.node(node)).unwrap();
        let leaf = leaf_hash(&entry(1, index));
        merkle::verify_inclusion(&leaf, index, size, &proof, &edge.root()).unwrap();
    }
    for (from, old) in sizes.iter().zip(&roots) {
        let tiles = tiles_for(&merkle::consistency_nodes(*from, size));
        let proof = merkle::prove_consistency(*from, size, |node| tiles.node(node)).unwrap();
        merkle::verify_consistency(*from, old, size, &edge.root(), &proof).unwrap();
    }
    let nothing = |_| unreachable!("nothing is read for what can't be");
    assert_eq!(merkle::prove_inclusion(5, 5, nothing).unwrap_err().code, "log-range");
    assert_eq!(merkle::prove_consistency(6, 5, nothing).unwrap_err().code, "log-range");
}
