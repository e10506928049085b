//! What a command line says about itself, and about what it cannot read.

use super::run;

#[tokio::test(flavor = "multi_thread")]
async fn help_is_asked_for_and_answered() {
    let dir = tempfile::tempdir().unwrap();
    let whole = run(dir.path(), &[], &["--help"]).await;
    assert_eq!(whole.code, 0);
    for command in [
        "doctor",
        "ledger",
        "contacts",
        "members",
        "threads",
        "mcp",
        "inbox",
        "reconcile",
        "report",
        "events",
        "explain",
        "backup",
        "restore",
        "sandbox",
        "indexes",
    ] {
        assert!(whole.out.contains(&format!("\n  {command} ")), "{command} in {}", whole.out);
        let own = run(dir.path(), &[], &[command, "--help"]).await;
        assert_eq!((own.code, own.err.as_str()), (0, ""), "{command}");
        assert!(own.out.contains("--json"), "{}", own.out);
        let example = format!("\n  frontdesk {command}");
        assert!(command == "indexes" || own.out.contains(&example), "an example in {}", own.out);
    }
    assert!(whole.out.contains("69   a service cannot be reached"), "{}", whole.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_a_matter_of_usage() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["nothing"][..],
        &["ledger"],
        &["ledger", "rows", "Leads"],
        &["ledger", "rows", "leads", "--state", "lost"],
        &["contacts", "find"],
        &["contacts", "tag", "con_1"],
        &["contacts", "erase"],
        &["inbox", "show"],
        &["inbox", "list", "--state", "written"],
        &["events", "resend"],
        &["reconcile", "--since", "yesterday"],
        &["reconcile", "--since", "2999-01-01T00:00:00Z"],
        &["reconcile", "--provider", "openai"],
        &["report", "--again"],
        &["report", "--publish", "--anomalies"],
        &["members", "find"],
        &["members", "license"],
        &["threads", "show"],
        &["threads", "reply", "thr_1"],
        &["mcp"],
        &["mcp", "connect", "--url", "chat.example.com"],
        &["events", "resend", "del_1", "--destination", "n8n"],
    ] {
        let ran = run(dir.path(), &[], args).await;
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{args:?}: {}", ran.err);
    }
    let wrong = [("SHEETS_WRITER_ADDR", "canary"), ("OPENAI_API_KEY", "canary2")];
    let ran = run(dir.path(), &wrong, &["ledger", "status"]).await;
    let said = ran.failure(64);
    assert!(said.contains("SHEETS_WRITER_ADDR must be") && !said.contains("canary"), "{said}");
    let ran = run(dir.path(), &[("LIMIT_IP", "canary")], &["ledger", "status"]).await;
    let said = ran.failure(64);
    assert!(said.starts_with("frontdesk: LIMIT_IP: ") && !said.contains("canary"), "{said}");
    let nothing: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(nothing.is_empty(), "{nothing:?}");
}
