<?php
// Makes the database as MediaWiki's installer does, without what that would write of this machine and this moment.
$database = new SQLite3( getenv( 'SITE_STATE' ) . '/wiki.sqlite3' );
$database->enableExceptions( true );
foreach ( [ 'tables-generated.sql', 'archives/searchindex-fts3.sql' ] as $name ) {
	$database->exec( file_get_contents( getenv( 'MW_INSTALL_PATH' ) . "/maintenance/sqlite/$name" ) );
}
