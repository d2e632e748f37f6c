use super::*;

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

#[tokio::test(start_paused = true)]
async fn the_one_that_was_idle_longest_makes_room() {
    let crowd = Crowd::new(3, 2);
    let working = crowd.enter(address(1), true).unwrap();
    let request = working.state().begin().unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let used = crowd.enter(address(2), true).unwrap();
    drop(used.state().begin().unwrap());
    tokio::time::advance(Duration::from_secs(1)).await;
    let unused = crowd.enter(address(3), true).unwrap();

    let fourth = crowd.enter(address(4), true).unwrap();
    assert_eq!(unused.over(Duration::from_secs(60), Instant::now()).await, Over::MadeRoom);
    assert!(unused.state().begin().is_none(), "it answers nothing more");
    drop(fourth);

    let fifth = crowd.enter(address(5), true).unwrap();
    drop(fifth.state().begin().unwrap());
    let _sixth = crowd.enter(address(6), true).unwrap();
    assert_eq!(used.over(Duration::from_secs(60), Instant::now()).await, Over::MadeRoom);
    drop(request);
}

#[tokio::test(start_paused = true)]
async fn an_address_makes_room_for_itself_and_never_at_work() {
    let crowd = Crowd::new(10, 2);
    let other = crowd.enter(address(9), true).unwrap();
    let first = crowd.enter(address(1), true).unwrap();
    let second = crowd.enter(address(1), true).unwrap();
    let _requests = (first.state().begin().unwrap(), second.state().begin().unwrap());
    assert!(crowd.enter(address(1), true).is_none(), "both are at work");
    assert!(crowd.enter(address(1), false).is_some(), "a proxy of ours has no bound");
    assert!(other.state().begin().is_some(), "another address is left alone");
}

#[tokio::test(start_paused = true)]
async fn idle_counts_from_the_last_request() {
    let crowd = Crowd::new(1, 1);
    let seat = crowd.enter(address(1), true).unwrap();
    let begun = Instant::now();
    let request = seat.state().begin().unwrap();
    let working = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        drop(request);
    };
    let (over, ()) = tokio::join!(seat.over(Duration::from_secs(10), begun), working);
    assert_eq!((over, begun.elapsed().as_secs()), (Over::Idle, 35));
    drop(seat);
    assert!(crowd.lock().seats.is_empty() && crowd.lock().by_address.is_empty());
}
