//! The cases in which nothing can tell what became of a commit: then that is what is said.

use std::collections::BTreeSet;

use store::Precondition;

use super::desk::{Desk, Theirs, Told, delete, put};
use crate::cloud::{
    database,
    relay::{End, Meanwhile, Mishap, nothing},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn where_nothing_can_tell_the_answer_is_unknown() {
    let desk = Desk::open(&database()).await;
    let theirs = &desk.theirs;
    for end in [End::Reset, End::Close] {
        // It may arrive later, and nothing would stop it.
        let told = desk
            .lose(1, vec![put("a", "ours", Precondition::Any)], Mishap::LoseRequest(nothing(), end))
            .await;
        assert_eq!((told, theirs.whose("a").await), (Told::Unknown, None));

        // Somebody overwrote it without having looked.
        let blindly = put("b", "theirs", Precondition::Any);
        let meanwhile = then(theirs, |theirs| async move {
            theirs.commit(vec![blindly]).await;
        });
        let told =
            desk.lose(1, vec![put("b", "ours", Precondition::Any)], Mishap::LoseAnswer(meanwhile, end)).await;
        assert_eq!((told, theirs.whose("b").await.as_deref()), (Told::Unknown, Some("theirs")));

        // A removal leaves nothing that could tell whose it was.
        let version = theirs.commit(vec![put("c", "before", Precondition::Any)]).await;
        let removal = vec![delete("c", Precondition::Version(version))];
        let told = desk.lose(1, removal, Mishap::LoseAnswer(nothing(), end)).await;
        assert_eq!((told, theirs.whose("c").await), (Told::Unknown, None));

        // A document remembers whose work it replaced, and nothing older.
        let version = theirs.commit(vec![put("d", "before", Precondition::Any)]).await;
        let meanwhile = then(theirs, |theirs| async move {
            let seen: BTreeSet<_> = [theirs.overwrite("d").await, theirs.overwrite("d").await].into();
            assert_eq!(seen, [Some("ours".to_owned()), Some("theirs".to_owned())].into());
        });
        let change = vec![put("d", "ours", Precondition::Version(version))];
        let told = desk.lose(1, change, Mishap::LoseAnswer(meanwhile, end)).await;
        assert_eq!((told, theirs.whose("d").await.as_deref()), (Told::Unknown, Some("theirs")));
    }
}

/// What they do, when its time comes.
fn then<F: Future<Output = ()> + Send + 'static>(
    theirs: &Theirs,
    act: impl FnOnce(Theirs) -> F,
) -> Meanwhile {
    Box::pin(act(theirs.clone()))
}
