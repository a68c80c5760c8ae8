//! Flags of what is said about released packages: reviews and advisories.

use clap::{Args, Subcommand, ValueHint};
use jackfield_package::{PackageName, advisory::Severity};

use super::RegistryUrl;
use crate::{examples, values::TextSource};

/// Which package, and where.
#[derive(Debug, Args)]
pub(crate) struct OnePackage {
    /// The package, namespace:name
    #[arg(value_name = "NAME", value_parser = crate::values::package)]
    pub(crate) name: PackageName,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

/// Say what you think of a connector that you have used, and answer what others say
#[derive(Debug, Args)]
#[command(after_help = examples::REVIEW)]
pub(crate) struct Review {
    #[command(subcommand)]
    pub(crate) command: ReviewCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// Rate the installed release, with a receipt of how much it was used here; again, to say it otherwise
    #[command(after_help = examples::REVIEW_ADD)]
    Add {
        #[command(flatten)]
        one: OnePackage,
        /// 1 to 5
        #[arg(long, value_name = "1-5", value_parser = clap::value_parser!(u8).range(1..=5))]
        stars: u8,
        /// In your words: text, @ and a file, or - for stdin
        #[arg(long, value_name = "TEXT|@FILE|-")]
        text: TextSource,
    },
    /// Show what users say
    #[command(after_help = examples::REVIEW_LIST)]
    List {
        #[command(flatten)]
        one: OnePackage,
        /// Where the last page ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Answer a review, as a member of the package's namespace
    #[command(after_help = examples::REVIEW_REPLY)]
    Reply {
        #[command(flatten)]
        one: OnePackage,
        /// The review's id
        #[arg(value_name = "ID")]
        id: String,
        /// The answer
        #[arg(long, value_name = "TEXT")]
        text: String,
    },
    /// Object to a review: a moderator looks at it
    #[command(after_help = examples::REVIEW_FLAG)]
    Flag {
        #[command(flatten)]
        one: OnePackage,
        /// The review's id
        #[arg(value_name = "ID")]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take a review away, your own or as a moderator; that there was one stays, with the reason
    #[command(after_help = examples::REVIEW_REMOVE)]
    Remove {
        #[command(flatten)]
        one: OnePackage,
        /// The review's id
        #[arg(value_name = "ID")]
        id: String,
        /// Why, for everybody
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Close the objections to a review, which stays (moderators)
    #[command(after_help = examples::REVIEW_KEEP)]
    Keep {
        #[command(flatten)]
        one: OnePackage,
        /// The review's id
        #[arg(value_name = "ID")]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the reviews that somebody objects to (moderators)
    #[command(after_help = examples::REVIEW_FLAGS)]
    Flags {
        #[command(flatten)]
        registry: RegistryUrl,
    },
}

/// Tell hosts of a known fault, and of the versions that have it
#[derive(Debug, Args)]
#[command(after_help = examples::ADVISORY)]
pub(crate) struct Advisory {
    #[command(subcommand)]
    pub(crate) command: AdvisoryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdvisoryCommand {
    /// Tell of one, as a member of the package's namespace or as a moderator
    #[command(after_help = examples::ADVISORY_PUBLISH)]
    Publish(NewAdvisory),
    /// List a package's advisories
    #[command(after_help = examples::ADVISORY_LIST)]
    List {
        #[command(flatten)]
        one: OnePackage,
    },
    /// Show one
    #[command(after_help = examples::ADVISORY_SHOW)]
    Show {
        #[command(flatten)]
        one: OnePackage,
        /// Such as JFA-2026-0001
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Take one back: it was a mistake
    #[command(after_help = examples::ADVISORY_WITHDRAW)]
    Withdraw {
        #[command(flatten)]
        one: OnePackage,
        /// Such as JFA-2026-0001
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewAdvisory {
    #[command(flatten)]
    pub(crate) one: OnePackage,
    /// The versions that have it: ranges, with || between them
    #[arg(long, value_name = "RANGES")]
    pub(crate) affected: String,
    /// How bad it is: low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", value_parser = crate::values::severity)]
    pub(crate) severity: Severity,
    /// In one line
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: String,
    /// What can happen, and what to do: text, @ and a file, or - for stdin
    #[arg(long, value_name = "TEXT|@FILE|-")]
    pub(crate) text: TextSource,
    /// Where to read on
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
}
