<?php
// Fills the wiki: the same users, pages and histories every time, at the times that they are told to be of.
require getenv( 'MW_INSTALL_PATH' ) . '/maintenance/Maintenance.php';
require __DIR__ . '/wiki_people.php';
require __DIR__ . '/wiki_pages.php';

use MediaWiki\MediaWikiServices;
use MediaWiki\Revision\SlotRecord;
use Wikimedia\Timestamp\ConvertibleTimestamp;

// The seed's present: nothing in it is younger.
define( 'EPOCH', gmdate( 'YmdHis', (int)getenv( 'SITE_CLOCK' ) ) );

class Seed extends Maintenance {
	private $services;
	private $db;

	public function execute() {
		mt_srand( 20260316 );
		$this->services = MediaWikiServices::getInstance();
		$this->db = $this->getDB( DB_PRIMARY );
		$this->db->insert( 'site_stats', [ 'ss_row_id' => 1 ], __METHOD__ );
		$this->fillPeople();
		$pages = readPages( __DIR__ );
		$this->fillPages( $pages );
		ConvertibleTimestamp::setFakeTime( EPOCH );
		$this->services->getJobRunner()->run( [] );
		$this->fillWatchlist();
		$this->addFacts( $pages );
		SiteStatsInit::doAllAndCommit( $this->db, [ 'activeUsers' => true ] );
		DeferredUpdates::doUpdates();
		$this->tidy();
	}

	private function fillPeople() {
		foreach ( PEOPLE as $name => [ $day, $realName ] ) {
			ConvertibleTimestamp::setFakeTime( strtotime( "$day UTC" ) + 36000 );
			$user = User::createNew( $name, [ 'real_name' => $realName ] );
			$salt = md5( $name );
			$hash = hash_pbkdf2( 'sha512', PASSWORD, $salt, 30000, 64, true );
			$this->db->update( 'user', [
				'user_token' => tokenOf( $name ),
				'user_password' => ':pbkdf2:sha512:30000:64:' . base64_encode( $salt ) . ':' . base64_encode( $hash ),
			], [ 'user_id' => $user->getId() ], __METHOD__ );
		}
		$groups = $this->services->getUserGroupManager();
		foreach ( [ 'sysop', 'bureaucrat' ] as $group ) {
			$groups->addUserToGroup( User::newFromName( ADMINISTRATOR ), $group );
		}
	}

	/** @param SeedPage[] $pages */
	private function fillPages( array $pages ) {
		$edits = [];
		foreach ( $pages as $page ) {
			foreach ( $page->revisions as $revision ) {
				$edits[] = [ $page->title, $revision ];
			}
		}
		foreach ( PEOPLE as $name => [ $day, , $about ] ) {
			$edits[] = [ "User:$name", [ 'user' => $name, 'at' => strtotime( "$day UTC" ) + 40000, 'summary' => 'Who I am',
				'isMinor' => false, 'undoes' => false, 'text' => $about ] ];
		}
		usort( $edits, static fn ( $a, $b ) => $a[1]['at'] <=> $b[1]['at'] ?: strcmp( $a[0], $b[0] ) );
		foreach ( $edits as [ $title, $revision ] ) {
			$this->edit( Title::newFromText( $title ), $revision );
		}
	}

	private function edit( Title $title, array $revision ) {
		[ $registered ] = PEOPLE[$revision['user']];
		if ( $revision['at'] < strtotime( "$registered UTC" ) || wfTimestamp( TS_MW, $revision['at'] ) > EPOCH ) {
			$this->fatalError( "$title: {$revision['user']} was not there yet, or it is not yet the day" );
		}
		ConvertibleTimestamp::setFakeTime( $revision['at'] );
		$user = User::newFromName( $revision['user'] );
		$updater = $this->services->getWikiPageFactory()->newFromTitle( $title )->newPageUpdater( $user );
		$updater->setContent( SlotRecord::MAIN, ContentHandler::makeContent( $revision['text'], $title ) );
		if ( $revision['undoes'] ) {
			$updater->addTag( 'mw-undo' );
		}
		$made = $updater->saveRevision(
			CommentStoreComment::newUnsavedComment( $revision['summary'] ),
			$revision['isMinor'] ? EDIT_MINOR : 0
		);
		if ( $made === null ) {
			$this->fatalError( "$title by {$revision['user']} was not saved: " . $updater->getStatus() );
		}
		DeferredUpdates::doUpdates();
	}

	private function fillWatchlist() {
		$store = $this->services->getWatchedItemStore();
		foreach ( WATCHED as $name => $titles ) {
			$user = User::newFromName( $name );
			foreach ( $titles as $title ) {
				$target = Title::newFromText( $title );
				$store->addWatchBatchForUser( $user, [ $target->getSubjectPage(), $target->getTalkPageIfDefined() ] );
			}
		}
	}

	/** What pages say, so that answers can be computed from one database. */
	private function addFacts( array $pages ) {
		$this->db->query( 'CREATE TABLE seed_fact (title TEXT, question TEXT, answer, words TEXT)', __METHOD__ );
		$this->db->query( 'CREATE TABLE seed_table (title TEXT, kind TEXT, name TEXT, value)', __METHOD__ );
		$this->db->query(
			'CREATE TABLE seed_change (revision INTEGER, parent INTEGER, title TEXT, name TEXT, before, after)', __METHOD__
		);
		foreach ( $pages as $page ) {
			foreach ( $page->facts as [ $question, $words ] ) {
				$this->put( 'seed_fact', [
					'title' => $page->title, 'question' => $question, 'answer' => answerOf( $words ), 'words' => $words,
				] );
			}
			[ $kind, $table ] = tableOf( $page->text() );
			foreach ( $table as $name => $value ) {
				$this->put( 'seed_table', [
					'title' => $page->title, 'kind' => $kind, 'name' => $name, 'value' => plainly( $value ),
				] );
			}
			$this->addChanges( $page );
		}
	}

	/** Which revisions changed what the table at the top of a page says. */
	private function addChanges( SeedPage $page ) {
		$ids = $this->db->selectFieldValues( 'revision', 'rev_id',
			[ 'rev_page' => Title::newFromText( $page->title )->getArticleID() ], __METHOD__, [ 'ORDER BY' => 'rev_id' ] );
		foreach ( $page->revisions as $index => $revision ) {
			[ , $before ] = tableOf( $page->revisions[$index - 1]['text'] ?? '' );
			[ , $after ] = tableOf( $revision['text'] );
			foreach ( $after as $name => $value ) {
				if ( ( $before[$name] ?? $value ) !== $value ) {
					$this->put( 'seed_change', [
						'revision' => $ids[$index], 'parent' => $ids[$index - 1], 'title' => $page->title, 'name' => $name,
						'before' => plainly( $before[$name] ), 'after' => plainly( $value ),
					] );
				}
			}
		}
	}

	/** Numbers as numbers. */
	private function put( string $table, array $row ) {
		$values = array_map( fn ( $value ) => is_numeric( $value ) ? $value : $this->db->addQuotes( $value ), $row );
		$names = implode( ', ', array_keys( $row ) );
		$this->db->query( "INSERT INTO $table ($names) VALUES (" . implode( ', ', $values ) . ')', __METHOD__ );
	}

	/** Leaves nothing of this machine and this moment. */
	private function tidy() {
		foreach ( [ 'objectcache', 'job', 'module_deps', 'l10n_cache', 'querycache_info' ] as $table ) {
			$this->db->delete( $table, '*', __METHOD__ );
		}
		$this->db->update( 'user', [ 'user_touched' => EPOCH ], '*', __METHOD__ );
		$this->db->update( 'page', [ 'page_touched' => EPOCH, 'page_random = (page_id * 618034 % 1000000) / 1e6' ], '*', __METHOD__ );
		$this->db->update( 'watchlist', [ 'wl_notificationtimestamp' => null ], '*', __METHOD__ );
		$tables = $this->db->query( "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'", __METHOD__ );
		foreach ( $tables as $table ) {
			foreach ( $this->db->query( "PRAGMA table_info({$table->name})", __METHOD__ ) as $column ) {
				if ( !preg_match( '/(timestamp|touched|registration|updated)$/', $column->name ) ) {
					continue;
				}
				$late = "SELECT count(*) AS late FROM {$table->name} WHERE {$column->name} > '" . EPOCH . "' AND {$column->name} <> 'infinity'";
				if ( $this->db->query( $late, __METHOD__ )->fetchObject()->late > 0 ) {
					$this->fatalError( "{$table->name}.{$column->name} holds the machine's time" );
				}
			}
		}
		$this->db->commit( __METHOD__, 'flush' );
	}
}

$maintClass = Seed::class;
require_once RUN_MAINTENANCE_IF_MAIN;
