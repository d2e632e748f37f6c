use std::num::NonZeroUsize;

use super::*;

fn names(here: (f64, f64)) -> Vec<String> {
    regions_around(GeoPoint::new(here.0, here.1).unwrap()).into_iter().collect()
}

#[test]
fn a_place_lies_in_the_middle_of_nine_regions() {
    let around = names((30.2460, 120.1551));
    assert_eq!(
        around,
        [
            "29.5,119.5",
            "29.5,120.0",
            "29.5,120.5",
            "30.0,119.5",
            "30.0,120.0",
            "30.0,120.5",
            "30.5,119.5",
            "30.5,120.0",
            "30.5,120.5"
        ]
    );
    // No two names of one region: not at the equator, not on both sides of the date line.
    for here in [(0.1, -0.1), (-0.1, 179.9), (0.0, -179.9), (10.0, 180.0)] {
        let around = names(here);
        assert_eq!(around.len(), 9, "{around:?}");
        assert!(around.iter().all(|name| !name.contains("-0.0") && !name.ends_with(",180.0")), "{around:?}");
        assert!(around.contains(&region(GeoPoint::new(here.0, here.1).unwrap())));
    }
    assert_eq!(names((10.0, 179.9)), names((10.0, -179.9)));
    assert_eq!(names((90.0, 0.0)).len(), 6);
}

/// In memory each region is a search of its own; together they say what one search of all of them would.
#[test]
fn searches_of_regions_join_to_one() {
    let gallery = Gallery::new(NonZeroUsize::new(3).unwrap());
    let face = |n: u32| Template::normalised(vec![1.0, n as f32 / 50.0, (n % 7) as f32 / 10.0]).unwrap();
    let digits: LastFour = "0311".parse().unwrap();
    let places = [(30.0, 120.0), (30.0, 120.5), (30.5, 120.0), (43.5, 87.5)];
    for n in 0..60_u32 {
        let (north, east) = places[n as usize % 4];
        let entry = Entry {
            payer: PayerId::from_bits(u128::from(n)),
            pictures: 2 + n % 2,
            last_four: if n % 5 == 0 { "9999".parse().unwrap() } else { digits },
            status: status(n % 3 > 0),
            region: region(GeoPoint::new(north, east).unwrap()).into(),
        };
        gallery.insert(entry, &face(n)).unwrap();
    }
    let probe = face(3);
    let named = [7, 13, 40, 43].map(PayerId::from_bits);
    let near = regions_around(GeoPoint::new(30.0, 120.0).unwrap());
    for live in [false, true] {
        let chosen = |regions| Among::Chosen(Chosen { digits, regions, live });
        let ask = |among: &Among, top| {
            in_memory(&gallery, &Ask { probe: &probe, among, top, named: &named }).unwrap()
        };
        let all = ask(&chosen(None), 64);
        assert!(all.unlisted.is_empty() && all.named.is_empty() && all.rest_best_score.is_none());
        let mut wanted = all.hits.clone();
        wanted.retain(|hit| near.contains(&*hit.region));
        assert!(wanted.len() > 15 && wanted.len() < all.hits.len());
        let found = ask(&chosen(Some(near.clone())), 5);
        assert_eq!(found.hits, wanted[..5]);
        assert_eq!(found.rest_best_score, Some(wanted[5].score));
        let others: Vec<Hit> = wanted[5..].iter().filter(|hit| named.contains(&hit.payer)).cloned().collect();
        assert_eq!(found.named, others);
        assert_eq!(found.searched, wanted.len() as u64);
        let unlisted: u64 = found.unlisted.iter().map(|group| group.people).sum();
        assert_eq!(unlisted, found.searched - 5 - others.len() as u64);
        assert!(found.unlisted.iter().all(|group| group.best_score == wanted[5].score));
        assert!(found.unlisted.is_sorted_by_key(|group| (Arc::clone(&group.region), group.pictures)));
    }
}
