//! How many messages of a lane may come back.

use anyhow::ensure;
use domain::lane::Lane;
use futures::future::try_join_all;

use super::subject::Subject;

const USUAL: u16 = 100;

/// Nobody subscribes with less than anybody before may have had in hand, until nothing of it comes back.
pub async fn a_prefetch_shrinks_once_nothing_comes_back(subject: Subject) -> anyhow::Result<()> {
    let (one, other) = (subject.again()?, subject.again()?);
    let (lane, neighbour) = (Lane(3), Lane(4));
    ensure!(one.largest(lane).await?.is_none());
    let first = one.note(lane, 2, USUAL).await?;
    ensure!(first.prefetch_messages == USUAL, "what is not noted was the usual: {first:?}");
    ensure!(other.note(lane, USUAL, USUAL).await?.prefetch_messages == USUAL);
    one.lower(lane, &first, 2).await?;
    ensure!(other.largest(lane).await? == Some(USUAL), "another subscription was noted since");

    let large = one.note(lane, 500, USUAL).await?;
    ensure!(large.prefetch_messages == 500, "{large:?}");
    let small = other.note(lane, 2, USUAL).await?;
    ensure!(small.prefetch_messages == 500, "{small:?}");
    one.lower(lane, &large, 2).await?;
    ensure!(
        other.note(lane, 2, USUAL).await?.prefetch_messages == 500,
        "another subscription was noted since"
    );
    let latest = one.note(lane, 2, USUAL).await?;
    one.lower(lane, &latest, 2).await?;
    ensure!(other.note(lane, 2, USUAL).await?.prefetch_messages == 2);
    ensure!(other.note(lane, 7, USUAL).await?.prefetch_messages == 7);

    let beside = one.note(neighbour, 2, USUAL).await?;
    ensure!(beside.prefetch_messages == USUAL, "lanes have nothing to do with each other: {beside:?}");
    one.lower(neighbour, &beside, 2).await?;
    one.lower(neighbour, &beside, 1).await?;
    ensure!(other.largest(neighbour).await? == Some(2), "it was lowered once");
    Ok(())
}

/// However many note a subscription at once, the largest holds, and none of them takes itself for the only one.
///
/// # Errors
/// Another holds.
pub async fn the_largest_prefetch_of_many_at_once_holds(subject: Subject) -> anyhow::Result<()> {
    let lane = Lane(0);
    let wanted: Vec<u16> = (1..=16).map(|number| number * 50).collect();
    let noting = wanted
        .iter()
        .map(async |wanted| subject.again()?.note(lane, *wanted, USUAL).await.map_err(anyhow::Error::from));
    let noted = try_join_all(noting).await?;
    let pairs = wanted.iter().zip(&noted);
    ensure!(pairs.clone().all(|(wanted, noted)| noted.prefetch_messages >= *wanted), "{noted:?}");
    ensure!(subject.again()?.note(lane, 1, USUAL).await?.prefetch_messages == 800);
    let mut records: Vec<_> = noted.iter().map(|noted| &noted.record).collect();
    records.sort();
    ensure!(records.windows(2).all(|two| two[0] != two[1]), "{records:?}");
    Ok(())
}
