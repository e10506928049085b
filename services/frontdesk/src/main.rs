//! `frontdesk`: the whole system in one process.

use std::{env, process::ExitCode};

use chassis::Vars;
use frontdesk::{Options, banner, command, start};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let args: Vec<String> = env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    if let Some(code) = command::run(&args) {
        return code;
    }
    let vars = Vars::from_process();
    if let Some(page) = frontdesk::page(&args) {
        chassis::run::show(&page);
        return ExitCode::SUCCESS;
    }
    let cloud = vars.is_cloud();
    match Options::read(vars.clone(), args) {
        Ok(options) => chassis::run::live("frontdesk", &vars, |shutdown| serve(options, shutdown)),
        Err(problems) => chassis::run::refuse("frontdesk", cloud, &problems),
    }
}

async fn serve(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    let show = !options.is_cloud();
    let system = start(options).await?;
    if show {
        chassis::run::show(&banner::render(&system));
    }
    shutdown.cancelled().await;
    system.stop().await;
    Ok(())
}
