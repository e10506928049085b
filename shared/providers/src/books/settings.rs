//! Where the books are.

use url::Url;

/// Settings of whoever tells the books.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Address of sheets-writer.
    #[arg(
        long,
        env = "SHEETS_WRITER_ADDR",
        default_value = "http://127.0.0.1:8085",
        value_parser = chassis::config::base_url
    )]
    pub sheets_writer_addr: Url,

    /// Address of another sheets-writer for what is only invented: what a stand-in, a provider's sandbox or its test mode
    /// tells. Without one it is kept here and written into no spreadsheet.
    #[arg(long, env = "SANDBOX_LEDGER_ADDR", value_parser = chassis::config::base_url)]
    pub sandbox_ledger_addr: Option<Url>,

    /// Address of chat-agent, which tells visitors in their chats what became of what they asked for. Without one they are
    /// told by the providers alone.
    #[arg(long, env = "CHAT_AGENT_ADDR", value_parser = chassis::config::base_url)]
    pub chat_agent_addr: Option<Url>,
}
